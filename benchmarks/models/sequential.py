"""One process maps one batch after the other: what the other models are compared with."""

from collections.abc import Iterator
from contextlib import contextmanager

from autoconnect.core.partial import Partial
from autoconnect.mapping import map_batches, warm_up
from benchmarks.models import Run, Work

TITLE = "one process"


@contextmanager
def ready(workers: int) -> Iterator[Run]:  # all models have it
    """Load the kernel."""
    warm_up("kernel")
    yield _run


def _run(work: Work) -> Partial:
    return map_batches(work.plan, range(len(work.plan.batches)), work.folders)
