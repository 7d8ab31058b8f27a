"""Engines: each runs one job on a file, with the functions of `planning`, `mapping` and `core.outcome`."""

from collections.abc import Mapping

from autoconnect.engines import dask, local, redis
from autoconnect.engines.base import Engine
from autoconnect.settings import EngineName

#: The engines by name.
ENGINES: Mapping[EngineName, Engine] = {"redis": redis.run, "local": local.run, "dask": dask.run}
