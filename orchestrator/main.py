"""The orchestrator's process: settings, Redis, the loop, the exit code."""

import os
import sys
from pathlib import Path

import structlog

from autoconnect.broker.connection import BlockingClient, connect
from autoconnect.service import Stop, run_rounds, run_service
from autoconnect.settings import Settings
from orchestrator.loop import Orchestrator

log: structlog.stdlib.BoundLogger = structlog.get_logger()


def serve(settings: Settings, stop: Stop) -> None:
    """Plan, feed and reap until asked to stop."""
    _warn_of_missing_folder(settings.data_dir)
    url = settings.needed_redis_url()
    blocking = BlockingClient(url, settings.block_ms)
    stop.wake = blocking.interrupt
    orchestrator = Orchestrator(connect(url), blocking, settings)
    run_rounds(orchestrator.round, stop, settings.health_file)


def _warn_of_missing_folder(data_dir: Path) -> None:
    if not os.path.isdir(data_dir):  # Path.is_dir raises PermissionError
        log.warning(
            "the data folder does not exist, so only uploads can be read; create it, or set AUTOCONNECT_DATA_DIR",
            data_dir=str(data_dir.absolute()),
        )


if __name__ == "__main__":
    sys.exit(run_service("orchestrator", serve))
