"""The orchestrator's loop: plan queued jobs, feed inline jobs, reap dead workers, back up slow batches."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import structlog

from autoconnect.broker import batches, jobs, limits, plans, queues, waits, workers
from autoconnect.broker.connection import Client
from autoconnect.broker.judge import Judge
from autoconnect.core.inline import pack_lines
from autoconnect.core.plan import Plan
from autoconnect.errors import BrokerFull, BrokerUnavailable, SourceError, TooManyJobs
from autoconnect.models import Job, JobStatus
from autoconnect.planning import BatchSize, Between, batch_size, plan_in_steps
from autoconnect.settings import Settings
from autoconnect.sources.local import Folders, find_source, open_source, without_ctime

log: structlog.stdlib.BoundLogger = structlog.get_logger()

#: Batches of an inline job that may be in Redis at once, per live worker.
_FED_PER_WORKER = 4
#: Seconds that a plan is worked on before all other work has its turn.
_PLAN_S = 0.2
#: Milliseconds after its claim from which a batch may be backed up: a worker adds batches to a group for a second, and
#: then finishes the batch that it is mapping.
_BACK_UP_MS = 3_000
#: The claim must also have lasted this many times as long as a batch of the job takes on average.
_BACK_UP_TIMES = 3
#: Calls of a tick that remove old jobs: a flood of jobs that fail at once must not fill Redis.
_TRIMS = 10
#: AUTOCONNECT_SOURCE is not submitted again if a job of it has one of these statuses.
_UNDER_WAY_OR_DONE = (JobStatus.QUEUED, JobStatus.PLANNING, JobStatus.RUNNING, JobStatus.REDUCING, JobStatus.COMPLETED)


class _Planning(NamedTuple):
    """A plan in the making, step by step; the last step yields the plan."""

    generation: int
    source: str
    steps: Iterator[Plan | None]


class Orchestrator:
    """Plans, feeds, reaps and backs up. Its state comes from Redis: two orchestrators, or a restart, do no harm."""

    def __init__(self, client: Client, blocking: Client, settings: Settings) -> None:
        self._client = client
        self._blocking = blocking
        self._settings = settings
        self._folders = Folders(settings.upload_dir, settings.data_dir, has_ctime=settings.has_source_ctime)
        self._to_submit = settings.source
        self._judge = Judge(client, settings.lease_ms)
        self._needs = waits.Needs(client)
        self._last_tick = float("-inf")
        self._trimmed_to = 0
        self._plannings: dict[str, _Planning] = {}  # in the order of their turns

    def round(self) -> None:
        """Wait for jobs, unless a plan is in the making; plan and feed them; at a tick, check all jobs and workers."""
        try:
            self._round()
        except BrokerFull:
            raise
        except BrokerUnavailable:
            self._judge.note_absence()
            raise

    def _round(self) -> None:
        if self._to_submit:
            self._submit_source(self._to_submit)
            self._to_submit = None
        next_tick = self._last_tick + self._settings.heartbeat_ms / 1_000
        for job_id in self._wait_for_jobs(next_tick):
            self._plan_and_feed(job_id)
        if time.monotonic() >= next_tick:
            self._tick()  # before a plan that Redis may have no room for
        if self._plannings:
            self._continue_plan()

    def _wait_for_jobs(self, next_tick: float) -> set[str]:
        if self._plannings:
            return queues.pop_orchestrator_jobs(self._client)
        wait_ms = round(max(1_000 * (next_tick - time.monotonic()), 1))
        return queues.wait_for_orchestrator_jobs(self._blocking, min(wait_ms, self._settings.block_ms))

    def _tick(self) -> None:
        self._judge.tick()
        self._last_tick = time.monotonic()
        if self._judge.may_judge:
            for worker, batch in workers.reap(self._client, self._settings.max_deaths):
                log.warning(
                    "batch reclaimed from a dead worker",
                    recovery="reclaimed",
                    worker=worker,
                    job=batch.job,
                    batch=batch.batch,
                )
        workers.check_leases(self._client, self._settings.lease_ms)
        self._trim_jobs()
        for job_id in jobs.open_jobs(self._client):
            self._plan_and_feed(job_id)
            for batch in batches.back_up_batches(self._client, job_id, _BACK_UP_MS, _BACK_UP_TIMES):
                log.info("batch handed out once more", recovery="backed up", job=batch.job, batch=batch.batch)

    def _trim_jobs(self) -> None:
        """Remove what KEEP_JOBS does not allow to keep, a part of it if it is much."""
        all_removed = 0
        for _ in range(_TRIMS):
            removed, self._trimmed_to = jobs.trim_jobs(self._client, self._settings.keep_jobs, self._trimmed_to)
            all_removed += removed
            if not removed:
                break
        if all_removed:
            log.info("oldest jobs removed", jobs=all_removed, keep_jobs=self._settings.keep_jobs)

    def _plan_and_feed(self, job_id: str) -> None:
        with self._fail_on_source_error(job_id):
            self._start_plan(job_id)
            self._feed(job_id)

    @contextmanager
    def _fail_on_source_error(self, job_id: str) -> Iterator[None]:
        with structlog.contextvars.bound_contextvars(job=job_id):
            try:
                yield
            except SourceError as error:
                jobs.end_job(self._client, job_id, JobStatus.FAILED, str(error))

    def _start_plan(self, job_id: str) -> None:
        if job_id in self._plannings:
            return
        generation = plans.start_plan(self._client, job_id)
        job = generation and jobs.read_job(self._client, job_id)
        if not generation or not job:
            return
        between: Between = "records" if plans.is_replanned(self._client, job_id) else "lines"
        planned_parts = plans.read_parts(self._client, job_id) if between == "records" else []
        versions = {part.name: part.version for part in planned_parts}
        options = jobs.read_options(self._client, job_id).merged(self._settings.dialect_options)
        steps = plan_in_steps([job.source], self._folders, self._batch_size(), between, versions, options)
        self._run_steps(job_id, _Planning(generation, job.source, steps))

    def _batch_size(self) -> BatchSize:
        return batch_size(self._settings, workers.count_live_workers(self._client) or self._settings.workers)

    def _continue_plan(self) -> None:
        """Continue the plan whose turn it is, unless its job was cancelled or another orchestrator planned it."""
        job_id, planning = next(iter(self._plannings.items()))
        job = jobs.read_job(self._client, job_id)
        del self._plannings[job_id]
        if job and job.status is JobStatus.PLANNING:
            with self._fail_on_source_error(job_id):
                self._run_steps(job_id, planning)

    def _run_steps(self, job_id: str, planning: _Planning) -> None:
        """Plan for _PLAN_S at most: dead workers' batches and SIGTERM must not wait. Release the plan when done."""
        deadline = time.monotonic() + _PLAN_S
        for plan in planning.steps:
            if plan:
                self._plannings[job_id] = planning._replace(steps=iter([plan]))  # kept until Redis has the plan
                self._release(job_id, planning, plan)
                del self._plannings[job_id]
            elif time.monotonic() >= deadline:
                self._plannings[job_id] = planning
                return

    def _release(self, job_id: str, planning: _Planning, plan: Plan) -> None:
        transport = self._settings.batch_transport
        max_cells = limits.max_cells(self._client, self._settings.max_cells)
        if plans.release_plan(self._client, job_id, planning.generation, plan, transport, max_cells):
            log.info("job planned", source=planning.source, batches=len(plan.batches), bytes=plan.total_bytes)

    def _feed(self, job_id: str) -> None:
        """Feed batches while there is room, a few per turn: other jobs have theirs, and each commit brings the next."""
        for _ in range(_FED_PER_WORKER):
            feed = plans.next_feed(self._client, job_id)
            if feed is None or feed.loaded >= _FED_PER_WORKER * max(workers.last_live_count(self._client), 1):
                return
            with open_source(feed.part.name, feed.part.version, self._folders) as file:
                lines = pack_lines(*file.read_batch(feed.range))
            try:
                if not plans.feed_batch(self._client, feed.id, lines):
                    return
            except BrokerFull as error:  # the next tick tries again
                self._needs.report(job_id, error)
                log.warning("feeding waits", error=str(error))
                return
            self._needs.end(job_id)

    def _reads(self, job: Job, versions: list[str]) -> bool:
        """Whether a job has read, or will read, these versions of its source, which have no ctime."""
        if job.status in (JobStatus.QUEUED, JobStatus.PLANNING):
            return True
        return [without_ctime(part.version) for part in plans.read_parts(self._client, job.id)] == versions

    def _submit_source(self, name: str) -> None:
        try:
            # A checkout or another container may change the ctime of a file that is the same.
            versions = [without_ctime(find_source(name, self._folders).version)]
        except SourceError:  # the job will report it
            versions = []
        for _, job in jobs.list_jobs(self._client):
            if job.source == name and job.status in _UNDER_WAY_OR_DONE and self._reads(job, versions):
                return
        settings = self._settings
        try:
            job_id = jobs.create_job(self._client, name, settings.result_ttl_s, max_open=settings.max_open_jobs)
        except TooManyJobs as error:
            log.warning("source not submitted", source=name, reason=str(error))
        else:
            log.info("source submitted", job=job_id, source=name)
