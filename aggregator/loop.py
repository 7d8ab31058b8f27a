"""The aggregator's loop: merge the partials of a job as they come, and finish the job when all batches are done."""

import time
from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

import structlog

from autoconnect.broker import jobs, partials, plans, queues, results, server
from autoconnect.broker.connection import Client
from autoconnect.core.cube import check_size
from autoconnect.core.outcome import Limits, reduce
from autoconnect.core.partial import Partial, merge_partials
from autoconnect.errors import BrokerUnavailable, CubeError
from autoconnect.models import JobStatus
from autoconnect.settings import Settings

log: structlog.stdlib.BoundLogger = structlog.get_logger()


class _Sum(NamedTuple):
    """The sum of partials of a job, and their names. The partial of a name never changes, so the sum stays valid."""

    names: frozenset[str] = frozenset()
    partial: Partial = Partial()


class Aggregator:
    """Keeps sums of partials, which it can rebuild from Redis: two aggregators, or a restart, do no harm."""

    def __init__(self, client: Client, blocking: Client, settings: Settings) -> None:
        self._client = client
        self._blocking = blocking
        self._settings = settings
        self._next_tick = 0.0
        self._sums: dict[str, _Sum] = {}

    def round(self) -> None:
        """Wait for jobs with new partials, and reduce them; at every tick, reduce all open jobs."""
        try:
            self._round()
        except BrokerUnavailable:
            if self._sums:
                log.info("sums cleared; they are rebuilt from Redis", recovery="rebuilt", jobs=len(self._sums))
            self._sums.clear()  # Redis may come back in an earlier state
            raise

    def _round(self) -> None:
        job_ids = queues.wait_for_aggregator_jobs(self._blocking, self._settings.block_ms)
        if time.monotonic() >= self._next_tick:
            open_jobs = jobs.open_jobs(self._client)
            self._sums = {job_id: total for job_id, total in self._sums.items() if job_id in open_jobs}
            job_ids.update(open_jobs)
            self._next_tick = time.monotonic() + self._settings.block_ms / 1_000
        for job_id in job_ids:
            with structlog.contextvars.bound_contextvars(job=job_id):
                try:
                    self._reduce(job_id)
                except CubeError as error:
                    jobs.end_job(self._client, job_id, JobStatus.FAILED, str(error))
                    log.warning("job failed", error=str(error))

    def _reduce(self, job_id: str) -> None:
        job = jobs.read_job(self._client, job_id)
        if job is None or job.status not in (JobStatus.RUNNING, JobStatus.REDUCING):
            return
        names, total = self._update_sum(job_id)
        if job.status is JobStatus.REDUCING:
            del self._sums[job_id]
            self._finish(job_id, names, total)
            return
        check_size(total.cube, self._settings.max_cells)
        if len(names) >= self._compact_threshold():
            partials.compact_partials(self._client, job_id, list(names), total)

    def _finish(self, job_id: str, names: frozenset[str], total: Partial) -> None:
        parts = plans.read_parts(self._client, job_id)
        if not parts:  # Redis has just come back in an earlier state
            return
        limits = Limits(self._settings.max_cells, self._settings.max_rejected_ratio)
        outcome = reduce([total], parts, limits)
        if results.finish_job(self._client, job_id, list(names), outcome):
            status = JobStatus.FAILED if outcome.failure else JobStatus.COMPLETED
            log.info("job ended", status=status, rows=total.rows_read, cells=len(total.cube))

    def _update_sum(self, job_id: str) -> _Sum:
        """Return the sum of all partials of a job; read only those that are new since the last call."""
        names = partials.partial_names(self._client, job_id)
        last = self._sums.get(job_id, _Sum())
        if not last.names <= set(names):
            last = _Sum()
        new_names = [name for name in names if name not in last.names]
        summed_names = set(last.names)

        def new_partials() -> Iterator[Partial]:
            for name, partial in partials.read_partials(self._client, new_names):
                summed_names.add(name)
                yield partial

        total = merge_partials(chain([last.partial], new_partials()))
        self._sums[job_id] = _Sum(frozenset(summed_names), total)
        return self._sums[job_id]

    def _compact_threshold(self) -> int:
        """The number of partials from which those of a running job are compacted: only 2 if memory is short."""
        return 2 if server.memory_is_short(self._client) else partials.COMPACT_PARTIALS
