"""Routes to submit, list, retry, publish and delete jobs, and to read their batches and rejects."""

import hashlib
from dataclasses import replace
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi import Body as JsonBody
from pydantic import Field

from api.access import NEEDS_KEY
from api.answers import JOB_REQUESTS, Items, JobRequest, Rejects, shortened
from api.changes import Changing
from api.cubes import gone
from api.dependencies import Computing, Configured, Redis, SourceFolders
from api.downloads import disposition
from api.formats import OTHER_FORMATS, Body
from api.paging import LIMIT, TableParameters, cursor_at, owner_of, read_cursor
from api.problems import Problem
from api.tables import TRUNCATED
from autoconnect.broker import batches, jobs, plans, results
from autoconnect.broker.connection import Client
from autoconnect.core.dialect import NOTHING_GIVEN
from autoconnect.core.partial import MAX_REJECTS
from autoconnect.core.plan import Part
from autoconnect.errors import SourceError, TooManyJobs
from autoconnect.exports.json import FORMAT as JSON
from autoconnect.exports.json import ITEMS
from autoconnect.models import API_PREFIX, Batch, Job, JobStatus, RejectedRow, ResultState
from autoconnect.sources.local import DEFAULT_SOURCE, Folders, find_source, is_same

#: Seconds after which a client should submit again if too many jobs are open.
_RETRY_AFTER_S = 5

#: Bytes of memory that a rejected row needs at most: its text, in Redis and as it is sent.
_REJECT_BYTES = 4_000

router = APIRouter(prefix="/jobs", tags=["jobs"])

Limit = Annotated[int, Query(ge=1, le=1_000)]
IdempotencyKey = Annotated[
    str | None,
    Header(min_length=1, max_length=255, description="Any text that identifies the request, such as a UUID."),
]
Cursor = Annotated[int | None, Query(ge=0, le=2**53, description="The next_cursor of the previous page.")]


@router.post("", summary="Submit a job", status_code=202, dependencies=[NEEDS_KEY])
def submit_job(
    client: Redis,
    settings: Configured,
    response: Response,
    change: Changing,
    body: Annotated[JobRequest | None, JsonBody(openapi_examples=JOB_REQUESTS)] = None,
    idempotency_key: IdempotencyKey = None,
) -> Job:
    """Submits a job. If its source cannot be read, the job fails and says why.

    A later call with the same `Idempotency-Key` returns the same job, as long as the job is kept.
    """
    body = body or JobRequest()
    source = body.source if body.source is not None else settings.source or DEFAULT_SOURCE
    change.source = source
    try:
        job_id = jobs.create_job(
            client,
            source,
            settings.result_ttl_s,
            _job_id(idempotency_key),
            dialect=body.dialect or NOTHING_GIVEN,
            may_publish=body.publish,
            max_open=settings.max_open_jobs,
        )
    except TooManyJobs as error:
        raise Problem(429, str(error), headers={"Retry-After": str(_RETRY_AFTER_S)}) from None
    change.job = job_id
    job = _find_job(client, job_id)
    if job.source != source:
        raise Problem(422, f"This Idempotency-Key has been used for another source, {job.source!r}; send a new key.")
    response.headers["Location"] = f"{API_PREFIX}/jobs/{job.id}"
    return job


@router.get("", summary="List the jobs")
def list_jobs(client: Redis, status: JobStatus | None = None, limit: Limit = 50, cursor: Cursor = None) -> Items[Job]:
    """Lists jobs, newest first. Long messages of notes are cut; those of a single job are complete."""
    entries = list(islice(jobs.list_jobs(client, status, cursor), limit + 1))
    page = entries[:limit]
    next_cursor = str(page[-1][0]) if len(entries) > limit else None
    return Items(items=[shortened(job) for _, job in page], next_cursor=next_cursor)


@router.get("/latest", summary="Read the newest job")
def latest_job(client: Redis) -> Job:
    """Reads the newest job, whatever its status."""
    for _, job in jobs.list_jobs(client):
        return job
    raise Problem(404, "No job has been submitted yet.", headers={"Retry-After": "2"})


@router.get("/{job_id}", summary="Read a job")
def get_job(client: Redis, job_id: str) -> Job:
    """Reads a job: its status, progress, rows, dialect and notes."""
    return _find_job(client, job_id)


@router.delete(
    "/{job_id}",
    summary="Cancel or remove a job",
    response_model=Job,
    responses={204: {"description": "The job had ended; it and its result are removed."}},
    dependencies=[NEEDS_KEY],
)
def delete_job(client: Redis, change: Changing, job_id: str) -> Job | Response:
    """Cancels an open job, or removes an ended one with its result, unless that is the published one.

    Cancelling drops its waiting batches at once, and discards later commits of claimed ones.
    """
    while True:
        job = _find_job(client, job_id)
        change.source = job.source
        if job.published:
            raise Problem(
                409,
                f"Job {job.id} has the published result; publish that of another job before you delete this one "
                f"(POST {API_PREFIX}/jobs/ID/publish).",
                job_status=job.status,
            )
        if not job.status.ended and jobs.end_job(client, job_id, JobStatus.CANCELLED):
            return _find_job(client, job_id)
        if job.status.ended and jobs.remove_job(client, job_id):
            return Response(status_code=204)
        # It has ended, or was retried or published, after it was read.


@router.post("/{job_id}/publish", summary="Publish a result", dependencies=[NEEDS_KEY])
def publish_job(client: Redis, change: Changing, job_id: str) -> Job:
    """Publishes the result of a completed job, which stays published until a job that is submitted later completes."""
    while not jobs.publish_job(client, job_id):
        job = _find_job(client, job_id)
        if job.result is None:
            detail = f"Only a completed job can be published; job {job.id} is {job.status}."
            raise Problem(409, detail, job_status=job.status)
        if job.result is not ResultState.AVAILABLE:
            raise gone(job.id, job.result)
        if not job.rows.accepted:
            detail = f"Job {job.id} accepted no row, so its result has no metrics; publish a job that accepted some."
            raise Problem(409, detail, job_status=job.status)
        # It has completed after it was not published.
    job = _find_job(client, job_id)
    change.source = job.source
    return job


@router.post("/{job_id}/retry", summary="Retry a failed job", status_code=202, dependencies=[NEEDS_KEY])
def retry_job(client: Redis, folders: SourceFolders, response: Response, change: Changing, job_id: str) -> Job:
    """Runs a failed job again on the same file, from where it stopped if its plan and partials are still there."""
    job = _find_job(client, job_id)
    change.source = job.source
    parts = plans.read_parts(client, job_id)
    if job.status is JobStatus.FAILED and any(_has_changed(part, folders) for part in parts):
        raise Problem(409, f"{job.source} is no longer the file that job {job.id} read; submit a new job.")
    if not jobs.retry_job(client, job_id):
        status = _find_job(client, job_id).status
        raise Problem(409, f"Only a failed job can be retried; job {job.id} is {status}.", job_status=status)
    response.headers["Location"] = f"{API_PREFIX}/jobs/{job.id}"
    return _find_job(client, job_id)


@router.get("/{job_id}/batches", summary="List the batches of a job")
def list_batches(client: Redis, job_id: str, limit: Limit = 100, cursor: Cursor = None) -> Items[Batch]:
    """Lists the batches of a job, each with its state."""
    total = _find_job(client, job_id).batches.total
    start = cursor or 0
    end = min(start + limit, total)
    items = batches.read_batches(client, job_id, range(start, end))
    return Items(items=items, next_cursor=str(end) if end < total else None)


class RejectParameters(TableParameters):
    """Which rejected rows an answer has, and its format."""

    limit: int | None = Field(None, ge=1, le=MAX_REJECTS, description=LIMIT)


@router.get(
    "/{job_id}/rejects",
    summary="List the rejected rows of a job",
    response_model=Rejects[RejectedRow],
    responses=OTHER_FORMATS,
)
async def list_rejects(
    request: Request,
    client: Redis,
    computations: Computing,
    job_id: str,
    parameters: Annotated[RejectParameters, Query()],
) -> Response:
    """Lists the first 10,000 rejected rows, in the order of the file; none until the job has ended.

    If there are more, `truncated` is true. The header `X-Truncated: true` says that the answer does not have all rows.
    """
    form = parameters.choose(request)
    count = parameters.max_rows(form) or MAX_REJECTS

    def body() -> Body:
        job = _find_job(client, job_id)
        if job.result in (ResultState.REMOVED, ResultState.EXPIRED) and job.rows.rejected:
            _check_rejects_are_kept(client, job.id, job.result)
        result = results.read_result(client, job_id)
        owner = owner_of("rejects", job_id, result and result.version)
        start = read_cursor(parameters.cursor, owner)
        table = results.read_rejects(client, job_id, start, count + 1)
        next_cursor = cursor_at(start + count, owner) if len(table.rows) > count else None
        is_truncated = job.rows.rejected > MAX_REJECTS
        head: dict[str, object] = {"next_cursor": next_cursor, "truncated": is_truncated}
        headers = dict(TRUNCATED) if next_cursor or is_truncated else {}
        if form != JSON:
            head = {"metric": "rejects", "computed_at": job.finished_at and job.finished_at.isoformat()}
            headers["Content-Disposition"] = disposition("rejects", job.source, None, None, form.suffix)
        pieces = list((ITEMS if form == JSON else form).write(replace(table, rows=table.rows[:count]), head))
        return Body(form.media_type, iter(pieces), sum(map(len, pieces)), headers)

    return await computations.make(request, count * _REJECT_BYTES, body)


def _job_id(idempotency_key: str | None) -> str | None:
    """Derives the job id from the key, so that it stays the same even if Redis comes back without the job."""
    return hashlib.sha256(idempotency_key.encode()).hexdigest()[:16] if idempotency_key else None


def _has_changed(part: Part, folders: Folders) -> bool:
    try:
        return not is_same(find_source(part.name, folders).version, part.version)
    except SourceError:
        return True


def _check_rejects_are_kept(client: Client, job_id: str, state: ResultState) -> None:
    if not results.read_rejects(client, job_id, 0, 1).rows:
        raise gone(job_id, state)


def _find_job(client: Client, job_id: str) -> Job:
    job = jobs.read_job(client, job_id)
    if job is None:
        raise Problem(404, f"There is no job {job_id}.")
    return job
