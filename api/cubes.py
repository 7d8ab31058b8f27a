"""Reads the cubes that metrics are computed from: of the published job, of a named job, or of an open job so far."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock

from api.problems import Problem
from autoconnect.broker import jobs, partials, results
from autoconnect.broker.connection import Client
from autoconnect.core.cube import Cube
from autoconnect.core.metrics import facts_of
from autoconnect.core.metrics.base import JobFacts
from autoconnect.core.partial import Partial
from autoconnect.models import Job, JobStatus

#: Cubes kept in memory; those of completed jobs never change.
_MAX_CACHED = 4
#: Seconds after which a client should ask again if no job has completed yet.
_RETRY_AFTER_S = 2


@dataclass(frozen=True)
class Result:
    """The cube of a job, with what metrics and answers need to know about the job."""

    job_id: str
    cube: Cube
    facts: JobFacts
    computed_at: datetime
    complete: bool


class Cubes:
    """Reads cubes from Redis, and caches those of completed jobs."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._cache: OrderedDict[str, Result] = OrderedDict()
        self._lock = Lock()

    def result(self, job_id: str | None = None, partial: bool = False) -> Result:
        """The published result, or that of a job; with `partial`, also that of a job that has not ended.

        Raises Problem: 404 if the job is unknown, its result has expired or nothing is published, 409 if the job has
        no result.
        """
        job_id = job_id or results.published_job(self._client)
        if job_id is None:
            raise Problem(404, "No job has completed yet.", headers={"Retry-After": str(_RETRY_AFTER_S)})
        with self._lock:
            if job_id in self._cache:
                self._cache.move_to_end(job_id)
                return self._cache[job_id]
        # Partials first, then the status: if the job has not ended after the read, the sum misses none of them.
        partial_sum = partials.read_sum(self._client, job_id) if partial else Partial()
        job = jobs.read_job(self._client, job_id)
        if job is None:
            raise Problem(404, f"There is no job {job_id}.")
        if job.status is JobStatus.COMPLETED:
            return self._cached(self._completed(job))
        if partial and not job.status.ended:
            return Result(job.id, partial_sum.cube, facts_of(partial_sum), datetime.now(UTC), complete=False)
        raise Problem(409, f"Job {job.id} has no result: it is {job.status}.", job_status=job.status)

    def _cached(self, result: Result) -> Result:
        with self._lock:
            self._cache[result.job_id] = result
            if len(self._cache) > _MAX_CACHED:
                self._cache.popitem(last=False)
        return result

    def _completed(self, job: Job) -> Result:
        total = results.read_cube(self._client, job.id)
        if total is None:
            raise Problem(404, f"The result of job {job.id} has expired.")
        facts = JobFacts(job.rows.read, job.rows.rejected, total.cube.total("costed") > 0)
        return Result(job.id, total.cube, facts, job.finished_at or datetime.now(UTC), complete=True)
