"""The aggregator's loop: merge the partials of a job as they come, and finish it when they are all there."""

import time

import structlog

from aggregator.outcome import outcome_of
from autoconnect.broker import jobs, queues, results
from autoconnect.broker.connection import Client
from autoconnect.core.cube import check_size
from autoconnect.core.partial import merge_partials
from autoconnect.errors import CubeError
from autoconnect.models import JobStatus
from autoconnect.settings import Settings

log: structlog.stdlib.BoundLogger = structlog.get_logger()


class Aggregator:
    """Reads what it needs from Redis each time: there is nothing to lose, and two of them do no harm."""

    def __init__(self, client: Client, blocking: Client, settings: Settings) -> None:
        self._client = client
        self._blocking = blocking
        self._settings = settings
        self._next_tick = 0.0

    def round(self) -> None:
        """Waits until a job wants to be merged, and merges it; at every tick looks at all open jobs."""
        waiting = queues.await_aggregator(self._blocking, self._settings.block_ms)
        if time.monotonic() >= self._next_tick:
            waiting.update(jobs.open_jobs(self._client))
            self._next_tick = time.monotonic() + self._settings.block_ms / 1_000
        for job_id in waiting:
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
        reducing = job.status is JobStatus.REDUCING
        names = results.partial_names(self._client, job_id)
        if not reducing and len(names) < self._enough():
            return
        whole = merge_partials(results.read_partials(self._client, names))
        check_size(whole.cube, self._settings.max_cells)
        layout = jobs.read_layout(self._client, job_id)
        if not reducing or layout is None:
            results.compact_partials(self._client, job_id, names, whole)
            return
        outcome = outcome_of(job.source, layout, whole, self._settings.max_rejected_ratio)
        if results.finish_job(self._client, job_id, names, outcome):
            log.info("job ended", status=outcome.status, rows=whole.rows_read, cells=len(whole.cube))

    def _enough(self) -> int:
        """How many partials of a running job are worth merging: where Redis is short of memory, any that can be."""
        return 2 if queues.memory_is_short(self._client) else results.COMPACT_PARTIALS
