"""The other engines, one module each, computing the cube from a CSV in the fastest way that its documentation shows.

A module has the engine's `TITLE` and `ready()`, which starts what the engine needs and yields the function that is
timed. Each engine holds money in its fastest type. At these sizes all of them are exact to the cent, which is checked.
"""

import pkgutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

#: Turns a source into an Arrow table: the columns of `answers.COLUMNS` in that order, with any names and types.
Run = Callable[[Path], Any]


class Engine(Protocol):
    """The interface of an engine's module."""

    TITLE: str

    def ready(self) -> AbstractContextManager[Run]:
        """Start the engine and yield the function that is timed."""


def names() -> list[str]:
    """The names of all engines."""
    return [module.name for module in pkgutil.iter_modules(__path__)]


def load(name: str) -> Engine:
    """The module of an engine."""
    return cast(Engine, import_module(f"{__name__}.{name}"))
