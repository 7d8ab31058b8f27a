"""Jobs in Redis: creating, reading, watching, ending and retrying them."""

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime

from autoconnect.broker import keys
from autoconnect.broker.connection import Client
from autoconnect.broker.keys import JobKeys
from autoconnect.models import BatchCounts, ByteCounts, Job, JobStatus, RowCounts


def create_job(client: Client, source: str, ttl_s: int, job_id: str | None = None) -> str:
    """Submit a job and return its id; if a job of that id exists, only return the id."""
    job_id = job_id or secrets.token_hex(8)
    script_keys = [*JobKeys(job_id).for_scripts(), keys.JOBS, keys.SEQUENCE]
    client.run_script("create_job", script_keys, [job_id, source, ttl_s * 1_000])
    return job_id


def end_job(client: Client, job_id: str, status: JobStatus, reason: str = "") -> bool:
    """End a job without a result; False if it does not exist or has ended already."""
    return bool(client.run_script("end_job", JobKeys(job_id).for_scripts(), [status, reason]))


def retry_job(client: Client, job_id: str) -> bool:
    """Run a failed job again; False if the job has not failed."""
    return bool(client.run_script("retry_job", JobKeys(job_id).for_scripts(), [job_id]))


def read_job(client: Client, job_id: str) -> Job | None:
    """The job with this id, None if there is none."""
    if ":" in job_id:  # it would name another key of a job
        return None
    job = _read_hash(client, JobKeys(job_id).job)
    return _parse_job(job, datetime.now(UTC)) if job else None


def list_jobs(client: Client, status: JobStatus | None = None, before: int | None = None) -> Iterator[tuple[int, Job]]:
    """Sequence numbers and jobs, newest first; only jobs of that status, and with numbers below `before`."""
    highest = "+inf" if before is None else f"({before}"
    page = ("-inf", "BYSCORE", "REV", "LIMIT", 0, 100, "WITHSCORES")
    while names_and_numbers := client.call("ZRANGE", keys.JOBS, highest, *page):
        highest = f"({int(names_and_numbers[-1])}"  # the page may hold jobs that have expired
        for job in map(_decode, client.call_many([["HGETALL", name] for name in names_and_numbers[::2]])):
            if job and status in (None, job["status"]):
                yield int(job["sequence"]), _parse_job(job, datetime.now(UTC))


def open_jobs(client: Client) -> list[str]:
    """Ids of all jobs that have not ended."""
    return sorted(job_id.decode() for job_id in client.call("SMEMBERS", keys.OPEN))


def wait_for_event(client: Client, job_id: str, after: str, block_ms: int) -> str | None:
    """Wait for events of a job after the one of id `after`; return the newest one's id, None if none came."""
    streams = client.call("XREAD", "BLOCK", block_ms, "STREAMS", JobKeys(job_id).events, after)
    return streams[0][1][-1][0].decode() if streams else None


def _read_hash(client: Client, name: str) -> dict[str, str]:
    return _decode(client.call("HGETALL", name))


def _decode(fields: dict[bytes, bytes]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in fields.items()}


def _time(milliseconds: str) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1_000, UTC)


def _parse_job(fields: dict[str, str], now: datetime) -> Job:
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
        bytes=ByteCounts(total=bytes_total, done=bytes_done),
        progress=progress,
        rows_per_s=round(rows_read / duration_s, 1) if duration_s else None,
        eta_s=round(duration_s * (1 - progress) / progress, 3) if status is JobStatus.RUNNING and progress else None,
        error=fields.get("error") or None,
    )
