"""Map and reduce: a free worker claims the next batch. Each worker adds up its batches, and the sums are merged."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

from autoconnect.core.partial import Partial, merge_partials
from autoconnect.mapping import map_batches
from benchmarks.models import SPAWN, Run, Work, queues, start

TITLE = "map and reduce"


@contextmanager
def ready(workers: int) -> Iterator[Run]:
    """Start the workers."""
    batches = SPAWN.Queue()  # numbers of batches that nobody has claimed; None says that there are no more
    with ProcessPoolExecutor(workers, SPAWN, start, (batches,)) as pool:

        def run(work: Work) -> Partial:
            for number in [*range(len(work.plan.batches)), *[None] * workers]:
                batches.put(number)
            mapped = [pool.submit(_map, work) for _ in range(workers)]
            return merge_partials(each.result() for each in mapped)

        yield run


def _map(work: Work) -> Partial:
    return map_batches(work.plan, iter(queues[0].get, None), work.folders)
