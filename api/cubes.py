"""The cubes that metrics are computed from: of the published job, of a given one, or of one that still runs."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock

from api.problems import Problem
from autoconnect.broker import jobs, results
from autoconnect.broker.connection import Client
from autoconnect.core.cube import Cube
from autoconnect.core.metrics import facts_of
from autoconnect.core.metrics.base import JobFacts
from autoconnect.core.partial import Partial
from autoconnect.models import Job, JobStatus

#: So many cubes of completed jobs, which never change, are kept in memory.
_KEPT = 4
_RETRY_AFTER_S = 2


@dataclass(frozen=True)
class Result:
    """A cube, and what is to be said about it."""

    job_id: str
    cube: Cube
    facts: JobFacts
    computed_at: datetime
    complete: bool


class Cubes:
    """Reads cubes from Redis, each completed one once."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._kept: OrderedDict[str, Result] = OrderedDict()
        self._lock = Lock()

    def result(self, job_id: str | None = None, partial: bool = False) -> Result:
        """The published result, or that of a job; with `partial` also of one that has not completed.

        Raises Problem: 404 where there is no such job or nothing is published, 409 where it has not completed.
        """
        wanted = job_id or jobs.published_job(self._client)
        if wanted is None:
            raise Problem(404, "No job has completed yet.", headers={"Retry-After": str(_RETRY_AFTER_S)})
        with self._lock:
            if wanted in self._kept:
                self._kept.move_to_end(wanted)
                return self._kept[wanted]
        # In this order: partials that were read before the job was seen to run are all that were there.
        so_far = results.read_sum(self._client, wanted) if partial else Partial()
        job = jobs.read_job(self._client, wanted)
        if job is None:
            raise Problem(404, f"There is no job {wanted}.")
        if job.status is JobStatus.COMPLETED:
            return self._keep(self._completed(job))
        if partial and not job.status.ended:
            return Result(job.id, so_far.cube, facts_of(so_far), datetime.now(UTC), complete=False)
        raise Problem(409, f"Job {job.id} has no result: it is {job.status}.", job_status=job.status)

    def _keep(self, result: Result) -> Result:
        with self._lock:
            self._kept[result.job_id] = result
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return result

    def _completed(self, job: Job) -> Result:
        whole = results.read_cube(self._client, job.id)
        if whole is None:
            raise Problem(404, f"The result of job {job.id} has expired.")
        facts = JobFacts(job.rows.read, job.rows.rejected, whole.cube.total("costed") > 0)
        return Result(job.id, whole.cube, facts, job.finished_at or datetime.now(UTC), complete=True)
