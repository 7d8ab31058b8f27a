"""The aggregator's process: settings, Redis, the loop, the exit code."""

import sys

from aggregator.loop import Aggregator
from autoconnect.broker.connection import BlockingClient, connect
from autoconnect.service import Stop, run_rounds, run_service
from autoconnect.settings import Settings


def serve(settings: Settings, stop: Stop) -> None:
    """Reduce jobs until asked to stop."""
    url = settings.needed_redis_url()
    blocking = BlockingClient(url, settings.block_ms)
    stop.wake = blocking.interrupt
    aggregator = Aggregator(connect(url), blocking, settings)
    aggregator.start()
    try:
        run_rounds(aggregator.round, stop, settings.health_file)
    finally:
        aggregator.leave()


if __name__ == "__main__":
    sys.exit(run_service("aggregator", serve))
