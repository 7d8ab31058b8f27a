"""The orchestrator's process: settings, Redis, the loop, the exit code."""

import sys

from autoconnect.broker.connection import BlockingClient, connect
from autoconnect.service import Stop, run_rounds, run_service
from autoconnect.settings import Settings
from orchestrator.loop import Orchestrator


def serve(settings: Settings, stop: Stop) -> None:
    """Plan, feed and reap until asked to stop."""
    url = settings.needed_redis_url()
    blocking = BlockingClient(url, settings.block_ms)
    stop.wake = blocking.interrupt
    orchestrator = Orchestrator(connect(url), blocking, settings)
    run_rounds(orchestrator.round, stop, settings.health_file)


if __name__ == "__main__":
    sys.exit(run_service("orchestrator", serve))
