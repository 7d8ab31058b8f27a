"""Jobs in Redis: creating, planning, feeding, watching and ending them."""

import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from autoconnect.broker import keys
from autoconnect.broker.connection import Argument, Client
from autoconnect.broker.keys import BatchId, JobKeys
from autoconnect.core.layout import Layout
from autoconnect.core.splits import ByteRange
from autoconnect.models import Batch, BatchCounts, BatchState, ByteCounts, Job, JobStatus, RowCounts
from autoconnect.sources import Version

#: Seconds after which a staged plan that was never made visible expires.
_STAGED_TTL_S = 3_600
#: Batches that one call stages.
_CHUNK_BATCHES = 1_000


@dataclass(frozen=True)
class Plan:
    """A source's version, its layout, and the byte ranges of its batches."""

    version: Version
    layout: Layout
    ranges: Sequence[ByteRange]


def create_job(client: Client, source: str, ttl_s: int, job_id: str | None = None) -> str:
    """Submit a job and return its id; if a job of that id exists, only return the id."""
    job_id = job_id or secrets.token_hex(8)
    script_keys = [*JobKeys(job_id).for_scripts(), keys.JOBS, keys.SEQUENCE]
    client.run_script("create_job", script_keys, [job_id, source, ttl_s * 1_000])
    return job_id


def start_plan(client: Client, job_id: str) -> int | None:
    """Move a job to planning; return the plan's generation, None if the job is not to be planned."""
    generation = int(client.run_script("start_plan", JobKeys(job_id).for_scripts(), []))
    return generation or None


def replanned_version(client: Client, job_id: str) -> Version | None:
    """The version of a job's source that must be cut between records; None if the job was never replanned."""
    replanned, size, mtime_ns = client.call("HMGET", JobKeys(job_id).job, "replanned", "size", "mtime_ns")
    return Version(int(size), int(mtime_ns)) if replanned else None


def publish_plan(client: Client, job_id: str, generation: int, plan: Plan, transport: str) -> bool:
    """Stage a plan, then make it visible in one step; False if the plan does not count."""
    job_keys = JobKeys(job_id)
    staged = job_keys.plan_batches(generation)
    for start in range(0, len(plan.ranges), _CHUNK_BATCHES):
        numbers = range(start, min(start + _CHUNK_BATCHES, len(plan.ranges)))
        fields: list[Argument] = [item for number in numbers for item in (number, _new_batch(plan.ranges[number]))]
        client.run_script("stage_batches", [*keys.SHARED, staged], [_STAGED_TTL_S, *fields])
    total_bytes = sum(batch.length for batch in plan.ranges)
    source_fields: list[Argument] = [plan.version.size, plan.version.mtime_ns, plan.layout.to_json(), transport]
    arguments: list[Argument] = [job_id, generation, len(plan.ranges), total_bytes, *source_fields]
    return bool(client.run_script("publish_plan", [*job_keys.for_scripts(), staged], arguments))


def feed_batch(client: Client, batch: BatchId, lines: bytes) -> bool:
    """Feed an inline job the lines of its next batch, which workers may then claim; False if it is not the next."""
    script_keys = JobKeys(batch.job).for_scripts()
    return bool(client.run_script("feed_batch", script_keys, [str(batch), batch.generation, batch.batch, lines]))


@dataclass(frozen=True)
class Feed:
    """The batch to feed next to an inline job, and the number of batches whose lines are in Redis."""

    source: str
    version: Version
    batch: BatchId
    range: ByteRange
    loaded: int


def next_feed(client: Client, job_id: str) -> Feed | None:
    """The batch to feed next to a job, None if the job needs none."""
    job_keys = JobKeys(job_id)
    job = _read_hash(client, job_keys.job)
    if job.get("status") != JobStatus.RUNNING or job.get("transport") != "inline" or job["fed"] == job["total"]:
        return None
    batches = read_batches(client, job_id, [int(job["fed"])])
    if not batches:  # the job has just gone back to planning
        return None
    (batch,) = batches
    return Feed(
        source=job["source"],
        version=Version(int(job["size"]), int(job["mtime_ns"])),
        batch=BatchId(job_id, int(job["generation"]), batch.batch),
        range=ByteRange(batch.offset, batch.length),
        loaded=int(client.call("HLEN", job_keys.lines)),
    )


def end_job(client: Client, job_id: str, status: JobStatus, reason: str = "") -> bool:
    """End a job without a result; False if it does not exist or has ended already."""
    return bool(client.run_script("end_job", JobKeys(job_id).for_scripts(), [status, reason]))


def retry_job(client: Client, job_id: str) -> bool:
    """Run a failed job again; False if the job has not failed."""
    return bool(client.run_script("retry_job", JobKeys(job_id).for_scripts(), [job_id]))


def read_job(client: Client, job_id: str) -> Job | None:
    """The job of an id, None if there is none."""
    if ":" in job_id:  # it would name another key of a job
        return None
    job = _read_hash(client, JobKeys(job_id).job)
    return _parse_job(job, datetime.now(UTC)) if job else None


def read_layout(client: Client, job_id: str) -> Layout | None:
    """The layout of a job's source, None before it is planned."""
    layout = client.call("HGET", JobKeys(job_id).job, "layout")
    return Layout.from_json(layout.decode()) if layout else None


def read_version(client: Client, job_id: str) -> Version | None:
    """The version of a job's source, None before it is planned."""
    size, mtime_ns = client.call("HMGET", JobKeys(job_id).job, "size", "mtime_ns")
    return Version(int(size), int(mtime_ns)) if size and mtime_ns else None


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


def published_job(client: Client) -> str | None:
    """The id of the job whose result is published, None if there is none."""
    job_id = client.call("HGET", keys.PUBLISHED, "job")
    return job_id.decode() if job_id else None


def read_batches(client: Client, job_id: str, numbers: Sequence[int]) -> list[Batch]:
    """The batches of a job by number; numbers that the job does not have are left out."""
    if not numbers:
        return []
    batches_json = client.call("HMGET", JobKeys(job_id).batches, *numbers)
    return [
        Batch.model_validate_json(b'{"batch":%d,' % number + batch_json[1:])
        for number, batch_json in zip(numbers, batches_json, strict=True)
        if batch_json
    ]


def wait_for_event(client: Client, job_id: str, after: str, block_ms: int) -> str | None:
    """Wait for events of a job after the one of id `after`; return the newest one's id, None if none came."""
    streams = client.call("XREAD", "BLOCK", block_ms, "STREAMS", JobKeys(job_id).events, after)
    return streams[0][1][-1][0].decode() if streams else None


def _new_batch(batch: ByteRange) -> str:
    fields = {"state": BatchState.WAITING, "offset": batch.offset, "length": batch.length, "attempts": 0, "deaths": 0}
    return json.dumps(fields)


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
    total, done = int(fields["bytes_total"]), int(fields["bytes_done"])
    progress = 1.0 if status is JobStatus.COMPLETED else (done / total if total else 0.0)
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
        bytes=ByteCounts(total=total, done=done),
        progress=progress,
        rows_per_s=round(rows_read / duration_s, 1) if duration_s else None,
        eta_s=round(duration_s * (1 - progress) / progress, 3) if status is JobStatus.RUNNING and progress else None,
        error=fields.get("error") or None,
    )
