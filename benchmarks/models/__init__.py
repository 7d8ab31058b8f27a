"""Four ways to arrange the same work: in one process, as a pipeline, as fork and join, and as map and reduce.

All of them call the functions that AutoConnect's services call: they plan a file, map its batches and merge partials.
Each module has `ready`, which starts its processes and yields a function from a plan to the partial of the whole file.
"""

import multiprocessing
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from autoconnect.core.partial import Partial
from autoconnect.core.plan import Plan
from autoconnect.mapping import warm_up
from autoconnect.planning import BatchSize, plan
from autoconnect.sources.local import Folders

#: Names of the modules, in the order in which they are shown.
MODELS = ("sequential", "pipeline", "fork_join", "map_reduce")
#: Small enough that work can be shared evenly, and large enough that handing out batches takes no time.
_BATCH_BYTES = 4 << 20
#: Processes start anew: a fork would copy the threads' locks of this one.
SPAWN = multiprocessing.get_context("spawn")


#: The queues that a process of a pool was started with.
queues: list[Any] = []


class Work(NamedTuple):
    """A plan, and the folders of its file."""

    plan: Plan
    folders: Folders


#: Maps and merges all batches of a plan.
Run = Callable[[Work], Partial]


class _Model(Protocol):
    """What each module of this package has."""

    TITLE: str

    def ready(self, workers: int) -> AbstractContextManager[Run]: ...


def load(name: str) -> _Model:
    """The module of a model."""
    model: _Model = import_module(f"benchmarks.models.{name}")
    return model


def start(*its_queues: Any) -> None:
    """Prepare a process of a pool: keep its queues, and load the kernel."""
    queues[:] = its_queues
    warm_up("kernel")


def planned(source: Path) -> Work:
    """The work of a file."""
    folders = Folders(source.parent, source.parent)
    return Work(plan([source.name], folders, BatchSize(os.cpu_count() or 1, _BATCH_BYTES)), folders)
