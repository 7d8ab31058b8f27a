"""What Prometheus collects: what has happened so far, how deep the queues are, who works."""

from collections.abc import Iterator

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from api.dependencies import Redis
from autoconnect.broker import jobs, queues, workers
from autoconnect.broker.connection import Client

#: Each counter of the queue: its name here, and what it counts.
COUNTERS = {
    "batches_done": ("autoconnect_batches_done", "Batches that were committed."),
    "retried": ("autoconnect_batches_retried", "Times that a batch was given to another worker."),
    "reclaimed": ("autoconnect_batches_reclaimed", "Times that a batch was taken from a worker that had died."),
    "backed_up": ("autoconnect_batches_backed_up", "Times that a slow batch was given to a second worker."),
    "discarded": ("autoconnect_batches_discarded", "Commits that came too late and did not count."),
    "dead": ("autoconnect_batches_dead", "Batches that were given up."),
    "jobs_completed": ("autoconnect_jobs_completed", "Jobs that completed."),
    "jobs_failed": ("autoconnect_jobs_failed", "Jobs that failed."),
    "jobs_cancelled": ("autoconnect_jobs_cancelled", "Jobs that were cancelled."),
}

router = APIRouter(tags=["health"])


class _Text(Response):
    media_type = CONTENT_TYPE_LATEST


@router.get("/metrics", response_class=_Text)
def prometheus(client: Redis) -> Response:
    """Counters since Redis' data began, depths of the queues, live workers and open jobs, for Prometheus."""
    registry = CollectorRegistry()
    registry.register(_State(client))
    return _Text(generate_latest(registry))


class _State(Collector):
    """Read when it is asked for, so that all instances of the API say the same."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def describe(self) -> list[CounterMetricFamily]:
        """Nothing ahead: a registry would otherwise collect once just to learn the names."""
        return []

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        for counter, value in queues.counters(self._client).items():
            yield CounterMetricFamily(*COUNTERS[counter], value=value)
        depths = GaugeMetricFamily("autoconnect_queue_depth", "Items in a list.", labels=["queue"])
        for queue in queues.queues(self._client):
            depths.add_metric([queue.queue], queue.depth)
        yield depths
        live = len(workers.live_workers(self._client))
        yield GaugeMetricFamily("autoconnect_workers_live", "Workers whose heartbeat is there.", value=live)
        open_jobs = len(jobs.open_jobs(self._client))
        yield GaugeMetricFamily("autoconnect_jobs_open", "Jobs that have not ended.", value=open_jobs)
