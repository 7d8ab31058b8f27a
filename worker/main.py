"""The worker's process: settings, Redis, the loop, the exit code."""

import sys

from autoconnect.broker.connection import BlockingClient, connect
from autoconnect.service import Stop, run_rounds, run_service
from autoconnect.settings import Settings
from worker.loop import Worker


def serve(settings: Settings, stop: Stop) -> None:
    """Map batches until asked to stop, then commit the batches mapped so far and give back the rest."""
    if settings.engine == "dask":
        from worker.dask import serve_cluster  # only then: it loads Dask

        serve_cluster(settings, stop)
        return
    url = settings.needed_redis_url()
    blocking = BlockingClient(url, settings.block_ms)
    stop.wake = blocking.interrupt
    worker = Worker(connect(url), blocking, settings, stop)
    run_rounds(worker.round, stop, settings.health_file)
    worker.leave()


if __name__ == "__main__":
    sys.exit(run_service("worker", serve))
