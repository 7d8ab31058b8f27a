"""The aggregator's process: settings, Redis, the loop, the exit code."""

import sys
from contextlib import AbstractContextManager, nullcontext

from aggregator.loop import Aggregator
from autoconnect.broker.connection import BlockingClient, connect
from autoconnect.service import Stop, run_rounds, run_service
from autoconnect.settings import Settings


def serve(settings: Settings, stop: Stop) -> None:
    """Reduce jobs, and send webhooks if they have a receiver, until asked to stop."""
    url = settings.needed_redis_url()
    blocking = BlockingClient(url, settings.block_ms)
    stop.wake = blocking.interrupt
    aggregator = Aggregator(connect(url), blocking, settings)
    aggregator.start()
    try:
        with _webhooks(settings, stop):
            run_rounds(aggregator.round, stop, settings.health_file)
    finally:
        aggregator.leave()


def _webhooks(settings: Settings, stop: Stop) -> AbstractContextManager[None]:
    if settings.webhook_url is None:
        return nullcontext()
    from aggregator.webhooks import sending  # only if needed: its HTTP client takes memory

    return sending(settings.webhook_url, settings, stop)


if __name__ == "__main__":
    sys.exit(run_service("aggregator", serve))
