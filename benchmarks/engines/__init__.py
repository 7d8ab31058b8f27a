"""The others, a module each: how each is fastest, by its own documentation, at reading a CSV into the cube.

A module has the engine's `TITLE` and `ready()`, which starts whatever it runs on and yields the call that is timed.
Each holds money in the type that it is fastest with; at these sizes all of them are exact to the cent, and compared.
"""

import pkgutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

#: From a source to an Arrow table with the columns of `answers.COLUMNS` in their order, of any names and types.
Run = Callable[[Path], Any]


class Engine(Protocol):
    """What a module here is."""

    TITLE: str

    def ready(self) -> AbstractContextManager[Run]:
        """The engine as it is when it is up."""


def names() -> list[str]:
    """All engines."""
    return [module.name for module in pkgutil.iter_modules(__path__)]


def load(name: str) -> Engine:
    """The engine of that name."""
    return cast(Engine, import_module(f"{__name__}.{name}"))
