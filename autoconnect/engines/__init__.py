"""Engines: each runs one job on a file, with the functions of `planning`, `mapping` and `core.outcome`."""

from importlib import import_module

from autoconnect.engines.base import Engine
from autoconnect.settings import EngineName


def engine_of(name: EngineName) -> Engine:
    """The function `run` of the module with this name.

    No other one is loaded: the modules that map need pandas, which takes longer than most commands.
    """
    run: Engine = import_module(f"autoconnect.engines.{name}").run
    return run
