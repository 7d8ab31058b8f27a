"""Collects the metrics for Prometheus: those of this process, and those in Redis, which all processes share."""

import platform
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

import autoconnect
from api.kept_answers import KeptAnswers
from autoconnect.broker import counters, freeing, keys, outbox, queues, results, server, waits, workers
from autoconnect.broker.connection import Client
from autoconnect.broker.counters import BOUNDS_MS, Durations, Totals
from autoconnect.models import JobStatus

Families = Iterator[Metric]


class _Told(Collector):
    def describe(self) -> Families:
        """Returns nothing: otherwise the registry would collect once just to learn the names."""
        return iter(())


class Process(_Told):
    """What this process is, and what it answers from memory; the others have their own."""

    def __init__(self, kept: KeptAnswers) -> None:
        self._kept = kept

    def collect(self) -> Families:
        build = {"version": autoconnect.__version__, "python": platform.python_version()}
        yield InfoMetricFamily("autoconnect_build", "The version of the program, and that of Python.", value=build)
        kept = self._kept
        yield GaugeMetricFamily("autoconnect_answers_kept_bytes", "Bytes of answers in memory.", value=kept.bytes)
        yield CounterMetricFamily("autoconnect_answers_from_memory", "Answers given from memory.", value=kept.hits)
        yield CounterMetricFamily("autoconnect_answers_made", "Answers not found in memory.", value=kept.misses)


class Counted(_Told):
    """What the scripts have counted in Redis."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def collect(self) -> Families:
        totals = counters.read_totals(self._client)
        for name, value in totals.counters.items():
            counter = counters.COUNTERS[name]
            yield CounterMetricFamily(f"autoconnect_{counter.metric}", counter.meaning, value=value)
        yield CounterMetricFamily("autoconnect_rows_read", "Rows of committed batches.", value=totals.rows_read)
        rejected = CounterMetricFamily(
            "autoconnect_rows_rejected", "Rejected rows of committed batches.", labels=["reason"]
        )
        for reason, rows in totals.rejected.items():
            rejected.add_metric([reason], rows)
        yield rejected
        yield from _durations(totals)


class State(_Told):
    """Reads the state from Redis at each scrape, so that all instances of the API report the same."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def collect(self) -> Families:
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
        unsent = outbox.waiting_webhooks(self._client)
        yield GaugeMetricFamily("autoconnect_webhooks_waiting", "Webhooks that are not sent yet.", value=unsent)
        yield from self._ages()
        yield from self._memory()

    def _ages(self) -> Families:
        wait_ms = queues.oldest_wait_ms(self._client) or 0
        yield GaugeMetricFamily(
            "autoconnect_oldest_waiting_batch_seconds",
            "Time since the oldest plan with a batch that no worker has claimed; 0: no batch waits.",
            value=wait_ms / 1_000,
        )
        age = GaugeMetricFamily(
            "autoconnect_published_result_age_seconds", "Time since the published result was computed.", labels=[]
        )
        published = results.read_result(self._client)
        if published and published.finished_at:
            age.add_metric([], self._seconds_since(published.finished_at))
        yield age

    def _seconds_since(self, time: datetime) -> float:
        """By the clock of Redis, which the time is from."""
        now = datetime.fromtimestamp(server.time_ms(self._client) / 1_000, UTC)
        return max((now - time).total_seconds(), 0.0)

    def _memory(self) -> Families:
        memory = server.read_memory(self._client)
        used, maximum, reserved = memory.used, memory.maximum, memory.reserved
        yield GaugeMetricFamily("autoconnect_redis_memory_used_bytes", "Memory that Redis uses.", value=used)
        yield GaugeMetricFamily("autoconnect_redis_memory_maximum_bytes", "maxmemory; 0: no limit.", value=maximum)
        yield GaugeMetricFamily(
            "autoconnect_redis_memory_reserved_bytes", "Memory kept free for one sum or result.", value=reserved
        )
        stored_results = freeing.results(self._client)
        stored = sum(result.bytes for result in stored_results)
        count = len(stored_results)
        yield GaugeMetricFamily("autoconnect_results", "Jobs with a result, or rejects, in Redis.", value=count)
        yield GaugeMetricFamily("autoconnect_results_bytes", "Bytes of these results and rejects.", value=stored)
        staged = freeing.staged_keys(self._client)
        size = sum(map(keys.size_in, staged))
        yield GaugeMetricFamily("autoconnect_staging", "Keys that are being staged.", value=len(staged))
        yield GaugeMetricFamily("autoconnect_staging_bytes", "Bytes that these will have.", value=size)


def _durations(totals: Totals) -> Families:
    batches = HistogramMetricFamily(
        "autoconnect_batch_duration_seconds", "Time from the claim of a batch to its commit.", labels=[]
    )
    _add(batches, [], totals.batch_durations)
    yield batches
    jobs = HistogramMetricFamily(
        "autoconnect_job_duration_seconds", "Time from the start of a job to its end.", labels=["status"]
    )
    for status in JobStatus:
        if status.ended:
            _add(jobs, [status], totals.job_durations(status))
    yield jobs


def _add(family: HistogramMetricFamily, labels: Sequence[str], durations: Durations) -> None:
    bounds = [*(str(bound / 1_000) for bound in BOUNDS_MS), "+Inf"]
    family.add_metric(labels, list(zip(bounds, durations.numbers, strict=True)), durations.sum_ms / 1_000)
