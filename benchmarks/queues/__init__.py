"""The other queues, one module each: tasks that do nothing, by the fastest settings tried that lose no task.

A module has the members of `PeerQueue`. It runs in an environment of its own (requirements.txt), imports the packages
inside its functions, and imports nothing of AutoConnect. `python -m benchmarks.queues NAME work URL ...` runs a worker,
`python -m benchmarks.queues NAME enqueue URL COUNT` fills the queue.
"""

import pkgutil
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Protocol, cast

#: The Redis list to which each worker adds an element when it starts.
UP = "bench:up"


class PeerQueue(Protocol):
    """The interface of a queue's module."""

    #: Titles of the variants to measure, each with its options for `work`.
    TITLES: Mapping[str, Sequence[str]]
    #: Redis commands that return numbers, which add up to the tasks that are not done, begun ones included.
    REMAINING: Sequence[Sequence[str]]
    #: The same for tasks that ended with an error.
    FAILED: Sequence[Sequence[str]]

    def work(self, url: str, *options: str) -> None:
        """Run a worker until it is killed."""

    def enqueue(self, url: str, count: int) -> None:
        """Add `count` tasks."""


def names() -> list[str]:
    """The names of all queues."""
    return [module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")]


def load(name: str) -> PeerQueue:
    """The module of a queue."""
    return cast(PeerQueue, import_module(f"{__name__}.{name}"))
