"""Jobs in Redis: creating, reading, watching, ending, retrying, publishing and removing them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from autoconnect.broker import keys
from autoconnect.broker.connection import Argument, Client
from autoconnect.broker.failures import log_failure
from autoconnect.broker.keys import JobKeys
from autoconnect.core.dialect import NOTHING_GIVEN, DialectOptions
from autoconnect.core.notes import shortened
from autoconnect.errors import TooManyJobs
from autoconnect.models import BatchCounts, ByteCounts, Job, JobDialect, JobNote, JobStatus, ResultState, RowCounts

#: Bytes of a reason that are kept: it may show parts of the source, and a full Redis must have room for it.
_MAX_REASON_BYTES = 600
#: Jobs that one call of `trim_jobs` looks at: removing all of them takes Redis a few milliseconds.
_TRIMMED_AT_ONCE = 100


def create_job(
    client: Client,
    source: str,
    ttl_s: int,
    job_id: str | None = None,
    *,
    dialect: DialectOptions = NOTHING_GIVEN,
    may_publish: bool = True,
    max_open: int | None = None,
) -> str:
    """Submit a job and return its id; if a job of that id exists, only return the id.

    `dialect` is what the user gives of the source's dialect; it holds for each plan of the job.
    Raises TooManyJobs if `max_open` jobs are open.
    """
    job_id = job_id or keys.new_name()
    arguments: list[Argument] = [job_id, source, ttl_s * 1_000, int(may_publish), max_open or 0, dialect.to_json()]
    if client.run_script("create_job", JobKeys(job_id).for_scripts(), arguments) < 0:
        raise TooManyJobs(
            f"{max_open:,} jobs are open, as many as AUTOCONNECT_MAX_OPEN_JOBS allows; wait until some have ended, or "
            "cancel some."
        )
    return job_id


def end_job(client: Client, job_id: str, status: JobStatus, reason: str = "") -> bool:
    """End a job without a result; False if it does not exist or has ended already."""
    reason = short_reason(reason)
    arguments: list[Argument] = [status, reason, keys.new_name()]
    ended = bool(client.run_script("end_job", JobKeys(job_id).for_scripts(), arguments))
    if ended and status is JobStatus.FAILED:
        log_failure(job_id, reason)
    return ended


def retry_job(client: Client, job_id: str) -> bool:
    """Run a failed job again; False if the job has not failed."""
    return bool(client.run_script("retry_job", JobKeys(job_id).for_scripts(), [job_id, keys.new_name()]))


def publish_job(client: Client, job_id: str) -> bool:
    """Publish the result of a completed job, of an older one too; False if the job has no result, or one without rows.

    Jobs that exist already do not replace it when they complete.
    """
    return bool(client.run_script("publish_job", JobKeys(job_id).for_scripts(), [keys.new_name()]))


def remove_job(client: Client, job_id: str) -> bool:
    """Remove an ended job and its result; False if the job is open, or its result is published."""
    return bool(client.run_script("remove_job", JobKeys(job_id).for_scripts(), []))


def trim_jobs(client: Client, keep: int, after: int) -> tuple[int, int]:
    """Remove the oldest ended jobs beyond `keep`, except the published one, and the rest of jobs that have expired.

    One call looks at some jobs only, and at those that may have expired from the one `after` this sequence number.
    Returns the number of ended jobs that were removed, and the sequence number for the next call.
    """
    removed, last = client.run_script("trim_jobs", JobKeys("").for_scripts(), [keep, _TRIMMED_AT_ONCE, after])
    return int(removed), int(last)


def read_job(client: Client, job_id: str) -> Job | None:
    """The job with this id, None if there is none."""
    if ":" in job_id:  # it would name another key of a job
        return None
    found = _read_jobs(client, [JobKeys(job_id)])
    return found[0][1] if found else None


def read_jobs(client: Client, job_ids: Sequence[str]) -> list[Job]:
    """The jobs of these ids at one instant, without those that do not exist."""
    return [job for _, job in _read_jobs(client, [JobKeys(job_id) for job_id in job_ids])]


def list_jobs(client: Client, status: JobStatus | None = None, before: int | None = None) -> Iterator[tuple[int, Job]]:
    """Sequence numbers and jobs, newest first; only jobs of that status, and with numbers below `before`."""
    highest = "+inf" if before is None else f"({before}"
    page = ("-inf", "BYSCORE", "REV", "LIMIT", 0, 100, "WITHSCORES")
    while names_and_numbers := client.call("ZRANGE", keys.JOBS, highest, *page):
        highest = f"({int(names_and_numbers[-1])}"  # the page may hold jobs that have expired
        for sequence, job in _read_jobs(client, [keys.job_keys(name.decode()) for name in names_and_numbers[::2]]):
            if status in (None, job.status):
                yield sequence, job


def read_options(client: Client, job_id: str) -> DialectOptions:
    """What the user gave of the dialect of a job's source."""
    options = client.call("HGET", JobKeys(job_id).job, "options")
    return DialectOptions.from_json(options) if options else NOTHING_GIVEN


def open_jobs(client: Client) -> list[str]:
    """Ids of all jobs that have not ended."""
    return sorted(job_id.decode() for job_id in client.call("SMEMBERS", keys.OPEN))


def wait_for_event(client: Client, job_id: str, after: str, block_ms: int) -> str | None:
    """Wait for events of a job after the one of id `after`; return the newest one's id, None if none came."""
    streams = client.call("XREAD", "BLOCK", block_ms, "STREAMS", JobKeys(job_id).events, after)
    return streams[0][1][-1][0].decode() if streams else None


def result_state(status: JobStatus, *, has_cube: bool, is_removed: bool) -> ResultState | None:
    """The state of a job's result, None if it has none."""
    if status is not JobStatus.COMPLETED:
        return None
    if has_cube:
        return ResultState.AVAILABLE
    return ResultState.REMOVED if is_removed else ResultState.EXPIRED


def short_reason(reason: str) -> str:
    """A reason, cut if it is long."""
    return shortened(reason, _MAX_REASON_BYTES)


def _read_jobs(client: Client, all_keys: Sequence[JobKeys]) -> list[tuple[int, Job]]:
    """Sequence numbers and jobs at one instant, without those that do not exist."""
    commands = [["HGETALL", job_keys.job] for job_keys in all_keys]
    commands += [["EXISTS", job_keys.cube] for job_keys in all_keys]
    published, *replies = client.read_together([["HGET", keys.PUBLISHED, "job"], *commands])
    now = datetime.now(UTC)
    jobs = []
    for fields, has_cube in zip(replies[: len(all_keys)], replies[len(all_keys) :], strict=True):
        if fields:
            texts = [field.decode() for field in fields]
            job = dict(zip(texts[::2], texts[1::2], strict=True))
            is_published = published is not None and published.decode() == job["id"]
            parsed = _parse_job(job, now, has_cube=bool(has_cube), is_published=is_published)
            jobs.append((int(job["sequence"]), parsed))
    return jobs


def _time(milliseconds: str) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1_000, UTC)


def _parse_job(fields: Mapping[str, str], now: datetime, *, has_cube: bool, is_published: bool) -> Job:
    status = JobStatus(fields["status"])
    started = _time(fields["started_at"]) if "started_at" in fields else None
    finished = _time(fields["finished_at"]) if "finished_at" in fields else None
    duration_s = max(((finished or now) - started).total_seconds(), 0.0) if started else 0.0
    bytes_total, bytes_done = int(fields["bytes_total"]), int(fields["bytes_done"])
    progress = 1.0 if status is JobStatus.COMPLETED else (bytes_done / bytes_total if bytes_total else 0.0)
    rows_read = int(fields["rows_read"])
    return Job(
        id=fields["id"],
        status=status,
        source=fields["source"],
        created_at=_time(fields["created_at"]),
        started_at=started,
        finished_at=finished,
        duration_s=duration_s if started else None,
        batches=BatchCounts(**{name: int(fields[name]) for name in ("total", "done", "retried", "dead")}),
        rows=RowCounts(**{name: int(fields[f"rows_{name}"]) for name in ("read", "accepted", "rejected")}),
        rejected_by_reason={
            name.removeprefix("rejected:"): int(fields[name]) for name in sorted(fields) if name.startswith("rejected:")
        },
        dialect=JobDialect(**json.loads(fields["dialect"])) if "dialect" in fields else None,
        notes=[JobNote(**note) for note in json.loads(fields.get("notes", "[]"))],
        bytes=ByteCounts(total=bytes_total, done=bytes_done),
        progress=progress,
        rows_per_s=round(rows_read / duration_s, 1) if duration_s else None,
        eta_s=round(duration_s * (1 - progress) / progress, 3) if status is JobStatus.RUNNING and progress else None,
        published=is_published,
        result=result_state(status, has_cube=has_cube, is_removed="removed_at" in fields),
        waits_for=fields.get("waits_for") or None,
        error=fields.get("error") or None,
    )
