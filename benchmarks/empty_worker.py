"""A worker process whose batches are empty tasks, as in the queues it is compared with.

It runs the worker's own code for each batch, except for reading and mapping.
"""

import sys
from typing import Any

import worker.loop
from autoconnect.core.partial import Partial
from autoconnect.service import run_service
from worker.main import serve


class _Nothing:
    """A mapper of batches without rows."""

    rows = 0
    cells = 0

    def partial(self) -> Partial:
        return Partial()


def _make_mapper(*_: Any) -> _Nothing:
    return _Nothing()


def _add_batch(*_: Any) -> None:
    """Open and read nothing."""


if __name__ == "__main__":
    vars(worker.loop).update(make_mapper=_make_mapper, add_batch=_add_batch)
    sys.exit(run_service("worker", serve))
