"""Routes to submit, list, cancel and retry jobs, and to read their batches and rejects."""

import hashlib
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response

from api.access import NEEDS_KEY
from api.answers import Items, JobRequest, Rejects
from api.dependencies import Configured, Redis, SourceFolders
from api.formats import FORMAT_NAMES, OTHER_FORMATS, choose_format, table_response
from api.problems import Problem
from autoconnect.broker import batches, jobs, plans, results
from autoconnect.broker.connection import Client
from autoconnect.core.partial import MAX_REJECTS
from autoconnect.errors import SourceError
from autoconnect.exports.json import FORMAT as JSON
from autoconnect.models import API_PREFIX, Batch, Job, JobStatus, RejectedRow
from autoconnect.sources.local import DEFAULT_SOURCE, Folders, find_source

router = APIRouter(prefix="/jobs", tags=["jobs"])

Limit = Annotated[int, Query(ge=1, le=1_000)]
IdempotencyKey = Annotated[
    str | None,
    Header(min_length=1, max_length=255, description="Any text that identifies the request, such as a UUID."),
]
Cursor = Annotated[int | None, Query(ge=0, le=2**53, description="The next_cursor of the previous page.")]


@router.post("", status_code=202, dependencies=[NEEDS_KEY])
def submit_job(
    client: Redis,
    settings: Configured,
    response: Response,
    body: JobRequest | None = None,
    idempotency_key: IdempotencyKey = None,
) -> Job:
    """Submits a job. If its source cannot be read, the job fails and says why.

    A later call with the same `Idempotency-Key` returns the same job, as long as the job is kept.
    """
    source = body.source if body and body.source is not None else settings.source or DEFAULT_SOURCE
    job = _find_job(client, jobs.create_job(client, source, settings.result_ttl_s, _job_id(idempotency_key)))
    if job.source != source:
        raise Problem(422, f"This Idempotency-Key has been used for another source, {job.source!r}; send a new key.")
    response.headers["Location"] = f"{API_PREFIX}/jobs/{job.id}"
    return job


@router.get("")
def list_jobs(client: Redis, status: JobStatus | None = None, limit: Limit = 50, cursor: Cursor = None) -> Items[Job]:
    """Jobs, newest first."""
    entries = list(islice(jobs.list_jobs(client, status, cursor), limit + 1))
    page = entries[:limit]
    return Items(items=[job for _, job in page], next_cursor=str(page[-1][0]) if len(entries) > limit else None)


@router.get("/latest")
def latest_job(client: Redis) -> Job:
    """The newest job, whatever its status."""
    for _, job in jobs.list_jobs(client):
        return job
    raise Problem(404, "No job has been submitted yet.", headers={"Retry-After": "2"})


@router.get("/{job_id}")
def get_job(client: Redis, job_id: str) -> Job:
    """A job."""
    return _find_job(client, job_id)


@router.delete("/{job_id}", dependencies=[NEEDS_KEY])
def cancel_job(client: Redis, job_id: str) -> Job:
    """Cancels a job: drops its waiting batches at once, and discards later commits of claimed ones."""
    job = _find_job(client, job_id)
    if not jobs.end_job(client, job_id, JobStatus.CANCELLED):
        status = _find_job(client, job_id).status
        raise Problem(409, f"Job {job.id} has already ended: it is {status}.", job_status=status)
    return _find_job(client, job_id)


@router.post("/{job_id}/retry", status_code=202, dependencies=[NEEDS_KEY])
def retry_job(client: Redis, folders: SourceFolders, response: Response, job_id: str) -> Job:
    """Runs a failed job again on the same file, from where it stopped if its plan and partials are still there."""
    job = _find_job(client, job_id)
    planned = {part.name: part.version for part in plans.read_parts(client, job_id)}
    if job.status is JobStatus.FAILED and any(_version(name, folders) != planned[name] for name in planned):
        raise Problem(409, f"{job.source} is no longer the file that job {job.id} read; submit a new job.")
    if not jobs.retry_job(client, job_id):
        status = _find_job(client, job_id).status
        raise Problem(409, f"Only a failed job can be retried; job {job.id} is {status}.", job_status=status)
    response.headers["Location"] = f"{API_PREFIX}/jobs/{job.id}"
    return _find_job(client, job_id)


@router.get("/{job_id}/batches")
def list_batches(client: Redis, job_id: str, limit: Limit = 100, cursor: Cursor = None) -> Items[Batch]:
    """The state of each batch."""
    total = _find_job(client, job_id).batches.total
    start = cursor or 0
    end = min(start + limit, total)
    items = batches.read_batches(client, job_id, range(start, end))
    return Items(items=items, next_cursor=str(end) if end < total else None)


@router.get(
    "/{job_id}/rejects",
    response_model=Rejects[RejectedRow],
    responses=OTHER_FORMATS,
)
def list_rejects(
    request: Request,
    client: Redis,
    job_id: str,
    *,
    limit: Annotated[
        int | None, Query(ge=1, le=MAX_REJECTS, description="Maximum number of rows; default: 100, or all as CSV.")
    ] = None,
    cursor: Cursor = None,
    format_name: Annotated[str | None, Query(alias="format", description=f"{FORMAT_NAMES}.")] = None,
) -> Rejects[RejectedRow] | Response:
    """The first 10,000 rejected rows, in the order of the file; empty until the job has ended."""
    job = _find_job(client, job_id)
    form = choose_format(request, format_name)
    start = cursor or 0
    if form is not JSON:
        return table_response(form, results.read_rejects(client, job_id, start, limit or MAX_REJECTS), {})
    limit = limit or 100
    rows = results.read_rejects(client, job_id, start, limit + 1).rows
    return Rejects(
        items=[RejectedRow.model_validate(row) for row in rows[:limit]],
        next_cursor=str(start + limit) if len(rows) > limit else None,
        truncated=job.rows.rejected > MAX_REJECTS,
    )


def _job_id(idempotency_key: str | None) -> str | None:
    """Derives the job id from the key, so that it stays the same even if Redis comes back without the job."""
    return hashlib.sha256(idempotency_key.encode()).hexdigest()[:16] if idempotency_key else None


def _version(source: str, folders: Folders) -> str | None:
    try:
        return find_source(source, folders).version
    except SourceError:
        return None


def _find_job(client: Client, job_id: str) -> Job:
    job = jobs.read_job(client, job_id)
    if job is None:
        raise Problem(404, f"There is no job {job_id}.")
    return job
