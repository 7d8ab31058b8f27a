"""The engine `dask`: the services run the job, and a Dask cluster maps its batches (`worker.dask`)."""

import logging
from importlib.util import find_spec
from pathlib import Path

from autoconnect.client import Watcher
from autoconnect.core.dialect import DialectOptions
from autoconnect.engines.base import Ended
from autoconnect.engines.redis import run as run_services
from autoconnect.errors import AutoConnectError
from autoconnect.settings import PREFIX, Settings

#: Seconds to reach the scheduler.
_CONNECT_S = 10


def check_installed() -> None:
    """Raise AutoConnectError if Dask is not installed."""
    if find_spec("distributed") is None:
        raise AutoConnectError(
            "The engine dask needs the package distributed, which is not installed: install it with "
            "`pip install 'dask[distributed]'`, or choose another engine."
        )


def run(file: Path, settings: Settings, dialect: DialectOptions, watch: Watcher) -> Ended:
    """Run a job on the services.

    Raises AutoConnectError if Dask is not installed, or its scheduler cannot be reached; if it is lost later, the job
    goes on when it is back.
    """
    check_installed()
    if settings.dask_scheduler:
        _check_scheduler(settings.dask_scheduler)
    return run_services(file, settings, dialect, watch)


def _check_scheduler(address: str) -> None:
    import distributed  # the import takes a second

    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    try:
        distributed.Client(address, timeout=_CONNECT_S).close()
    except OSError as error:
        raise AutoConnectError(
            f"The Dask scheduler at {address} ({PREFIX}DASK_SCHEDULER) does not answer: {error}; start it and run "
            "again."
        ) from None
