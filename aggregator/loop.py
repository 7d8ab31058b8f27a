"""The aggregator's loop: merge the partials of a job as they come, and finish it when they are all there."""

import time
from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

import structlog

from aggregator.outcome import outcome_of
from autoconnect.broker import jobs, queues, results
from autoconnect.broker.connection import Client
from autoconnect.core.cube import check_size
from autoconnect.core.partial import Partial, merge_partials
from autoconnect.errors import BrokerUnavailable, CubeError
from autoconnect.models import JobStatus
from autoconnect.settings import Settings

log: structlog.stdlib.BoundLogger = structlog.get_logger()


class _Sum(NamedTuple):
    """The sum of some partials of a job, by their names. What has a name never changes, so the sum stays right."""

    names: frozenset[str] = frozenset()
    partial: Partial = Partial()


class Aggregator:
    """Keeps sums of what it has read, and can read it all again: two of them, or one that starts again, do no harm."""

    def __init__(self, client: Client, blocking: Client, settings: Settings) -> None:
        self._client = client
        self._blocking = blocking
        self._settings = settings
        self._next_tick = 0.0
        self._sums: dict[str, _Sum] = {}

    def round(self) -> None:
        """Waits until a job wants to be added up, and does it; at every tick looks at all open jobs."""
        try:
            self._look()
        except BrokerUnavailable:
            if self._sums:
                log.info("sums dropped, to be read anew", recovery="rebuilt", jobs=len(self._sums))
            self._sums.clear()  # Redis may come back as it was before
            raise

    def _look(self) -> None:
        waiting = queues.wait_for_aggregator_jobs(self._blocking, self._settings.block_ms)
        if time.monotonic() >= self._next_tick:
            open_jobs = jobs.open_jobs(self._client)
            self._sums = {job_id: found for job_id, found in self._sums.items() if job_id in open_jobs}
            waiting.update(open_jobs)
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
        names, whole = self._add_up(job_id)
        check_size(whole.cube, self._settings.max_cells)
        layout = jobs.read_layout(self._client, job_id)
        if job.status is not JobStatus.REDUCING or layout is None:
            if len(names) >= self._enough():
                results.compact_partials(self._client, job_id, list(names), whole)
            return
        del self._sums[job_id]
        outcome = outcome_of(job.source, layout, whole, self._settings.max_rejected_ratio)
        if results.finish_job(self._client, job_id, list(names), outcome):
            log.info("job ended", status=outcome.status, rows=whole.rows_read, cells=len(whole.cube))

    def _add_up(self, job_id: str) -> _Sum:
        """The sum of all partials of a job, of which only those are read that have come since the last time."""
        names = results.partial_names(self._client, job_id)
        known = self._sums.get(job_id, _Sum())
        if not known.names <= set(names):
            known = _Sum()
        new = [name for name in names if name not in known.names]
        read = set(known.names)

        def new_partials() -> Iterator[Partial]:
            for name, partial in results.read_partials(self._client, new):
                read.add(name)
                yield partial

        whole = merge_partials(chain([known.partial], new_partials()))
        self._sums[job_id] = _Sum(frozenset(read), whole)
        return self._sums[job_id]

    def _enough(self) -> int:
        """How many partials of a running job give way to their sum: where Redis is short of memory, any that can."""
        return 2 if queues.memory_is_short(self._client) else results.COMPACT_PARTIALS
