"""Other queues, a module each: how each is fastest, of what was tried, at tasks that do nothing and are not lost.

A module has `TITLES` with what `work` is told for each, `LEFT` and `FAILED`, `work`, which runs a worker until it is
killed, and `enqueue`. It runs with packages of its own (requirements.txt), which it imports where it needs them, and
nothing of ours. `python -m benchmarks.queues NAME work URL ...` is a worker, `... NAME enqueue URL COUNT` fills it.
"""

import pkgutil
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Protocol, cast

#: Each worker adds an element before its first task.
UP = "bench:up"


class PeerQueue(Protocol):
    """What a module here is."""

    TITLES: Mapping[str, Sequence[str]]
    #: Commands that answer with numbers: their sum is how many tasks are not done, those that are begun included.
    LEFT: Sequence[Sequence[str]]
    #: The same of tasks that ended with an error.
    FAILED: Sequence[Sequence[str]]

    def work(self, url: str, *options: str) -> None:
        """Runs a worker until it is killed."""

    def enqueue(self, url: str, count: int) -> None:
        """Adds so many tasks."""


def names() -> list[str]:
    """All queues."""
    return [module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")]


def load(name: str) -> PeerQueue:
    """The queue of that name."""
    return cast(PeerQueue, import_module(f"{__name__}.{name}"))
