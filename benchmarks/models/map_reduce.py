"""Map and reduce: whoever is free claims the next batch. Each worker adds up its batches; the sums are merged."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any

from autoconnect.core.partial import Partial, merge_partials
from autoconnect.mapping import map_batches, warm_up
from benchmarks.models import SPAWN, Run, Work

TITLE = "map and reduce"

#: Numbers of batches that nobody has claimed; None says that there are no more.
_batches: Any = None


@contextmanager
def ready(workers: int) -> Iterator[Run]:
    """Start the workers."""
    batches = SPAWN.Queue()
    with ProcessPoolExecutor(workers, SPAWN, _start, (batches,)) as pool:

        def run(work: Work) -> Partial:
            for number in [*range(len(work.plan.batches)), *[None] * workers]:
                batches.put(number)
            mapped = [pool.submit(_map, work) for _ in range(workers)]
            return merge_partials(each.result() for each in mapped)

        yield run


def _start(batches: Any) -> None:
    global _batches  # a process of the pool gets its queue only when it starts
    _batches = batches
    warm_up("kernel")


def _map(work: Work) -> Partial:
    return map_batches(work.plan, iter(_batches.get, None), work.folders)
