"""The orchestrator's loop: plan queued jobs, feed inline jobs, reap dead workers, back up slow batches."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import structlog

from autoconnect.broker import batches, jobs, queues, workers
from autoconnect.broker.connection import Client
from autoconnect.errors import BrokerFull, BrokerUnavailable, SourceError
from autoconnect.models import Job, JobStatus
from autoconnect.settings import Settings
from autoconnect.sources import find_source, open_source, pack_lines
from orchestrator.planner import make_plan, scan_source

log: structlog.stdlib.BoundLogger = structlog.get_logger()

#: Batches of an inline job that may be in Redis at once, for each live worker.
_FED_PER_WORKER = 4
#: Seconds for which a source is scanned before everything else has its turn.
_SCAN_S = 0.2
#: Milliseconds after its claim from which a batch may be backed up: a worker adds batches to a group for a second, and
#: then finishes the batch that it is mapping.
_BACK_UP_MS = 3_000
#: The claim must also have lasted this many times as long as a batch of the job takes on average.
_BACK_UP_TIMES = 3
#: Statuses in which a job of AUTOCONNECT_SOURCE makes another submission needless.
_UNDER_WAY_OR_DONE = (JobStatus.QUEUED, JobStatus.PLANNING, JobStatus.RUNNING, JobStatus.REDUCING, JobStatus.COMPLETED)


class _Scan(NamedTuple):
    """A source that is being scanned for record edges, step by step; the last step yields the plan."""

    generation: int
    steps: Iterator[jobs.Plan | None]


class Orchestrator:
    """Plans, feeds, reaps and backs up. Its state comes from Redis: two orchestrators, or a restart, do no harm."""

    def __init__(self, client: Client, blocking: Client, settings: Settings) -> None:
        self._client = client
        self._blocking = blocking
        self._settings = settings
        self._to_submit = settings.source
        self._server_run_id = ""
        self._server_lag_s = 0.0
        self._last_tick = float("-inf")
        self._reap_from = 0.0
        self._scans: dict[str, _Scan] = {}  # in the order of their turns

    def round(self) -> None:
        """Wait for jobs, unless a scan goes on; plan and feed them; at every tick, check all open jobs and workers."""
        try:
            self._round()
        except BrokerFull:
            raise
        except BrokerUnavailable:
            self._server_run_id = ""  # leases may end meanwhile, as workers cannot renew them
            raise

    def _round(self) -> None:
        if self._to_submit:
            self._submit_source(self._to_submit)
            self._to_submit = None
        next_tick = self._last_tick + self._settings.heartbeat_ms / 1_000
        for job_id in self._wait_for_jobs(next_tick):
            self._plan_and_feed(job_id)
        if self._scans:
            self._continue_scan()
        if time.monotonic() >= next_tick:
            self._tick()

    def _wait_for_jobs(self, next_tick: float) -> set[str]:
        if self._scans:
            return queues.pop_orchestrator_jobs(self._client)
        wait_ms = round(max(1_000 * (next_tick - time.monotonic()), 1))
        return queues.wait_for_orchestrator_jobs(self._blocking, min(wait_ms, self._settings.block_ms))

    def _tick(self) -> None:
        if self._may_reap():
            for worker, batch in workers.reap(self._client, self._settings.max_deaths):
                log.warning(
                    "batch reclaimed from a dead worker",
                    recovery="reclaimed",
                    worker=worker,
                    job=batch.job,
                    batch=batch.batch,
                )
        workers.check_leases(self._client, self._settings.lease_ms)
        for job_id in jobs.open_jobs(self._client):
            self._plan_and_feed(job_id)
            for batch in batches.back_up_batches(self._client, job_id, _BACK_UP_MS, _BACK_UP_TIMES):
                log.info("batch handed out once more", recovery="backed up", job=batch.job, batch=batch.batch)

    def _may_reap(self) -> bool:
        """Whether to reap dead workers: not for one lease after Redis was away or its clock jumped.

        Leases of live workers may have ended meanwhile. A new run id, a failed call or a late tick shows that Redis was
        away. A jump of the server's clock, by which leases end, shows against the monotonic clock of this machine.
        """
        server_run_id, server_s = queues.server_run_id(self._client), workers.server_time_ms(self._client) / 1_000
        now, lease_s = time.monotonic(), self._settings.lease_ms / 1_000
        jump_s = server_s - now - self._server_lag_s
        if server_run_id != self._server_run_id or now - self._last_tick > lease_s / 2 or abs(jump_s) > lease_s / 2:
            self._reap_from = now + lease_s
        self._server_run_id, self._server_lag_s, self._last_tick = server_run_id, server_s - now, now
        return now >= self._reap_from

    def _plan_and_feed(self, job_id: str) -> None:
        with self._fail_on_source_error(job_id):
            self._plan(job_id)
            self._feed(job_id)

    @contextmanager
    def _fail_on_source_error(self, job_id: str) -> Iterator[None]:
        with structlog.contextvars.bound_contextvars(job=job_id):
            try:
                yield
            except SourceError as error:
                jobs.end_job(self._client, job_id, JobStatus.FAILED, str(error))
                log.warning("job failed", error=str(error))

    def _plan(self, job_id: str) -> None:
        if job_id in self._scans:
            return
        generation = jobs.start_plan(self._client, job_id)
        job = generation and jobs.read_job(self._client, job_id)
        if not generation or not job:
            return
        live = len(workers.live_workers(self._client)) or self._settings.workers
        replanned = jobs.replanned_version(self._client, job_id)
        if replanned is None:
            self._publish(job, generation, make_plan(job.source, self._settings, live))
        else:
            self._scans[job_id] = _Scan(generation, scan_source(job.source, replanned, self._settings, live))

    def _continue_scan(self) -> None:
        """Continue the next scan for a short time: dead workers' batches and SIGTERM must not wait."""
        job_id, scan = next(iter(self._scans.items()))
        job = jobs.read_job(self._client, job_id)
        del self._scans[job_id]
        if job is None or job.status is not JobStatus.PLANNING:  # cancelled, or planned by another orchestrator
            return
        deadline = time.monotonic() + _SCAN_S
        with self._fail_on_source_error(job_id):
            for plan in scan.steps:
                if plan:
                    self._scans[job_id] = scan._replace(steps=iter([plan]))  # kept until Redis has the plan
                    self._publish(job, scan.generation, plan)
                    del self._scans[job_id]
                elif time.monotonic() >= deadline:
                    self._scans[job_id] = scan
                    return

    def _publish(self, job: Job, generation: int, plan: jobs.Plan) -> None:
        if jobs.publish_plan(self._client, job.id, generation, plan, self._settings.batch_transport):
            log.info("job planned", source=job.source, batches=len(plan.ranges), bytes=plan.version.size)

    def _feed(self, job_id: str) -> None:
        """Feed batches while there is room, a few per turn: other jobs get theirs, and each commit brings another."""
        for _ in range(_FED_PER_WORKER):
            feed = jobs.next_feed(self._client, job_id)
            if feed is None or feed.loaded >= _FED_PER_WORKER * max(workers.last_live_count(self._client), 1):
                return
            with open_source(feed.source, feed.version, self._settings) as file:
                lines = pack_lines(*file.read_batch(feed.range))
            if not jobs.feed_batch(self._client, feed.batch, lines):
                return

    def _submit_source(self, name: str) -> None:
        try:
            version = find_source(name, self._settings).version
        except SourceError:  # the job will show it
            version = None
        for _, job in jobs.list_jobs(self._client):
            planned = jobs.read_version(self._client, job.id)  # None for a job that is still queued
            if job.source == name and job.status in _UNDER_WAY_OR_DONE and planned in (None, version):
                return
        job_id = jobs.create_job(self._client, name, self._settings.result_ttl_s)
        log.info("source submitted", job=job_id, source=name)
