"""The route that Prometheus scrapes: counters, queue depths, live workers and open jobs."""

from collections.abc import Iterator

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from api.dependencies import Redis
from autoconnect.broker import counters, jobs, queues, workers
from autoconnect.broker.connection import Client

router = APIRouter(tags=["health"])


class _PrometheusText(Response):
    media_type = CONTENT_TYPE_LATEST


@router.get("/metrics", response_class=_PrometheusText)
def prometheus(client: Redis) -> Response:
    """Counters over the life of the data in Redis, queue depths, live workers and open jobs, for Prometheus."""
    registry = CollectorRegistry()
    registry.register(_State(client))
    return _PrometheusText(generate_latest(registry))


class _State(Collector):
    """Reads the state from Redis at each scrape, so that all instances of the API report the same."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def describe(self) -> list[CounterMetricFamily]:
        """Returns nothing: otherwise the registry would collect once just to learn the names."""
        return []

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        for name, value in counters.read_counters(self._client).items():
            counter = counters.COUNTERS[name]
            yield CounterMetricFamily(f"autoconnect_{counter.metric}", counter.meaning, value=value)
        depths = GaugeMetricFamily("autoconnect_queue_depth", "Items in a list.", labels=["queue"])
        for queue in queues.queues(self._client):
            depths.add_metric([queue.queue], queue.depth)
        yield depths
        live = workers.count_live_workers(self._client)
        yield GaugeMetricFamily("autoconnect_workers_live", "Live workers: those with a heartbeat.", value=live)
        open_jobs = len(jobs.open_jobs(self._client))
        yield GaugeMetricFamily("autoconnect_jobs_open", "Jobs that have not ended.", value=open_jobs)
