"""The route that Prometheus scrapes: counters, queue depths, live workers, open jobs and memory of Redis."""

from collections.abc import Iterator

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from api.dependencies import Kept, Redis
from api.kept_answers import KeptAnswers
from autoconnect.broker import counters, freeing, keys, queues, server, waits, workers
from autoconnect.broker.connection import Client

router = APIRouter(tags=["health"])


class _PrometheusText(Response):
    media_type = CONTENT_TYPE_LATEST


@router.get("/metrics", response_class=_PrometheusText)
def prometheus(client: Redis, kept: Kept) -> Response:
    """Counters over the life of the data in Redis; queue depths, workers, open jobs and memory now, for Prometheus."""
    registry = CollectorRegistry()
    registry.register(_State(client))
    registry.register(_Answers(kept))
    return _PrometheusText(generate_latest(registry))


class _Answers(Collector):
    """What this process answers from memory; the others have their own."""

    def __init__(self, kept: KeptAnswers) -> None:
        self._kept = kept

    def describe(self) -> list[CounterMetricFamily]:
        """Returns nothing, as for the state."""
        return []

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        kept = self._kept
        yield GaugeMetricFamily("autoconnect_answers_kept_bytes", "Bytes of answers in memory.", value=kept.bytes)
        yield CounterMetricFamily("autoconnect_answers_from_memory", "Answers given from memory.", value=kept.hits)
        yield CounterMetricFamily("autoconnect_answers_made", "Answers not found in memory.", value=kept.misses)


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
        open_jobs = waits.read_open_jobs(self._client)
        yield GaugeMetricFamily("autoconnect_jobs_open", "Jobs that have not ended.", value=len(open_jobs))
        waiting = sum(job.waits_since is not None for job in open_jobs)
        yield GaugeMetricFamily("autoconnect_jobs_waiting_for_memory", "Jobs that wait for memory.", value=waiting)
        yield from self._memory()

    def _memory(self) -> Iterator[GaugeMetricFamily]:
        memory = server.read_memory(self._client)
        used, maximum, reserved = memory.used, memory.maximum, memory.reserved
        yield GaugeMetricFamily("autoconnect_redis_memory_used_bytes", "Memory that Redis uses.", value=used)
        yield GaugeMetricFamily("autoconnect_redis_memory_maximum_bytes", "maxmemory; 0: no limit.", value=maximum)
        yield GaugeMetricFamily(
            "autoconnect_redis_memory_reserved_bytes", "Memory kept free for one sum or result.", value=reserved
        )
        results = freeing.results(self._client)
        stored = sum(result.bytes for result in results)
        yield GaugeMetricFamily("autoconnect_results", "Jobs with a result, or rejects, in Redis.", value=len(results))
        yield GaugeMetricFamily("autoconnect_results_bytes", "Bytes of these results and rejects.", value=stored)
        staged = freeing.staged_keys(self._client)
        size = sum(map(keys.size_in, staged))
        yield GaugeMetricFamily("autoconnect_staging", "Keys that are being staged.", value=len(staged))
        yield GaugeMetricFamily("autoconnect_staging_bytes", "Bytes that these will have.", value=size)
