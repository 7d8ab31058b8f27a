"""Fork and join: each worker gets an equal, fixed share of the batches; when all have ended, their sums are merged."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

from autoconnect.core.partial import Partial, merge_partials
from autoconnect.mapping import map_batches, warm_up
from benchmarks.models import SPAWN, Run, Work

TITLE = "fork and join"


@contextmanager
def ready(workers: int) -> Iterator[Run]:
    """Start the workers."""
    with ProcessPoolExecutor(workers, SPAWN, warm_up, ("kernel",)) as pool:

        def run(work: Work) -> Partial:
            count = len(work.plan.batches)
            edges = [count * worker // workers for worker in range(workers + 1)]
            shares = map(range, edges, edges[1:])
            forked = [pool.submit(map_batches, work.plan, share, work.folders) for share in shares]
            return merge_partials(each.result() for each in forked)

        yield run
