"""Jobs in Redis: making, planning, watching and ending them."""

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

#: A plan that was staged and never made visible goes after so long.
_STAGED_TTL_S = 3_600
_CHUNK = 1_000


@dataclass(frozen=True)
class Plan:
    """How a source is read: its version, its layout and the byte ranges of its batches."""

    version: Version
    layout: Layout
    ranges: Sequence[ByteRange]


def create_job(client: Client, source: str, ttl_s: int, job_id: str | None = None) -> str:
    """Submits a job and returns its id; with an id that is there already, nothing changes."""
    job_id = job_id or secrets.token_hex(8)
    names = [*JobKeys(job_id).for_scripts(), keys.JOBS, keys.SEQUENCE]
    client.run_script("create_job", names, [job_id, source, ttl_s * 1_000])
    return job_id


def start_plan(client: Client, job_id: str) -> int | None:
    """Moves a job to planning; returns the plan's generation, None where the job is not to be planned."""
    generation = int(client.run_script("start_plan", JobKeys(job_id).for_scripts(), []))
    return generation or None


def replanned_version(client: Client, job_id: str) -> Version | None:
    """The version of a source of which a record lay across the edge of two batches; None where none did."""
    replanned, size, mtime_ns = client.call("HMGET", JobKeys(job_id).job, "replanned", "size", "mtime_ns")
    return Version(int(size), int(mtime_ns)) if replanned else None


def publish_plan(client: Client, job_id: str, generation: int, plan: Plan, transport: str) -> bool:
    """Stages a plan and makes it visible in one step; False where it does not count."""
    names = JobKeys(job_id)
    staged = names.plan_batches(generation)
    for start in range(0, len(plan.ranges), _CHUNK):
        chunk = range(start, min(start + _CHUNK, len(plan.ranges)))
        fields: list[Argument] = [item for number in chunk for item in (number, _new_batch(plan.ranges[number]))]
        client.run_script("stage_batches", [*keys.SHARED, staged], [_STAGED_TTL_S, *fields])
    total_bytes = sum(batch.length for batch in plan.ranges)
    about: list[Argument] = [plan.version.size, plan.version.mtime_ns, plan.layout.to_json(), transport]
    arguments: list[Argument] = [job_id, generation, len(plan.ranges), total_bytes, *about]
    return bool(client.run_script("publish_plan", [*names.for_scripts(), staged], arguments))


def feed_batch(client: Client, batch: BatchId, lines: bytes) -> bool:
    """Gives a batch of an inline job its lines and makes it claimable; False where it is not its turn."""
    names = JobKeys(batch.job).for_scripts()
    return bool(client.run_script("feed_batch", names, [str(batch), batch.generation, batch.batch, lines]))


@dataclass(frozen=True)
class Feed:
    """What the orchestrator must know to feed an inline job: the next batch, and how many are in Redis."""

    source: str
    version: Version
    batch: BatchId
    range: ByteRange
    loaded: int


def next_feed(client: Client, job_id: str) -> Feed | None:
    """The batch to feed next, None where the job needs none."""
    names = JobKeys(job_id)
    found = _hash(client, names.job)
    if found.get("status") != JobStatus.RUNNING or found.get("transport") != "inline" or found["fed"] == found["total"]:
        return None
    batches = read_batches(client, job_id, [int(found["fed"])])
    if not batches:  # the job has just gone back to planning
        return None
    (batch,) = batches
    return Feed(
        source=found["source"],
        version=Version(int(found["size"]), int(found["mtime_ns"])),
        batch=BatchId(job_id, int(found["generation"]), batch.batch),
        range=ByteRange(batch.offset, batch.length),
        loaded=int(client.call("HLEN", names.lines)),
    )


def end_job(client: Client, job_id: str, status: JobStatus, reason: str = "") -> bool:
    """Ends a job without a result; False where it has ended already."""
    return bool(client.run_script("end_job", JobKeys(job_id).for_scripts(), [status, reason]))


def retry_job(client: Client, job_id: str) -> bool:
    """Lets a failed job run again; False where it has not failed."""
    return bool(client.run_script("retry_job", JobKeys(job_id).for_scripts(), [job_id]))


def read_job(client: Client, job_id: str) -> Job | None:
    """A job, None where there is none of that id."""
    if ":" in job_id:  # it would name another key of a job
        return None
    found = _hash(client, JobKeys(job_id).job)
    return _job(found, datetime.now(UTC)) if found else None


def read_layout(client: Client, job_id: str) -> Layout | None:
    """How a job's source is read, None before it is planned."""
    layout = client.call("HGET", JobKeys(job_id).job, "layout")
    return Layout.from_json(layout.decode()) if layout else None


def read_version(client: Client, job_id: str) -> Version | None:
    """The version of a job's source, None before it is planned."""
    size, mtime_ns = client.call("HMGET", JobKeys(job_id).job, "size", "mtime_ns")
    return Version(int(size), int(mtime_ns)) if size and mtime_ns else None


def list_jobs(client: Client, status: JobStatus | None = None, before: int | None = None) -> Iterator[tuple[int, Job]]:
    """Sequence number and job, newest first, of those older than `before`."""
    highest = "+inf" if before is None else f"({before}"
    page = ("-inf", "BYSCORE", "REV", "LIMIT", 0, 100, "WITHSCORES")
    while listed := client.call("ZRANGE", keys.JOBS, highest, *page):
        highest = f"({int(listed[-1])}"  # those that have expired are listed, too
        for found in map(_decoded, client.call_many([["HGETALL", name] for name in listed[::2]])):
            if found and status in (None, found["status"]):
                yield int(found["sequence"]), _job(found, datetime.now(UTC))


def open_jobs(client: Client) -> list[str]:
    """Ids of all jobs that have not ended."""
    return sorted(name.decode() for name in client.call("SMEMBERS", keys.OPEN))


def published_job(client: Client) -> str | None:
    """Id of the job whose result is published."""
    found = client.call("HGET", keys.PUBLISHED, "job")
    return found.decode() if found else None


def read_batches(client: Client, job_id: str, numbers: Sequence[int]) -> list[Batch]:
    """The batches of those numbers, as far as the job has them."""
    if not numbers:
        return []
    texts = client.call("HMGET", JobKeys(job_id).batches, *numbers)
    return [
        Batch.model_validate_json(b'{"batch":%d,' % number + text[1:])
        for number, text in zip(numbers, texts, strict=True)
        if text
    ]


def wait_for_event(client: Client, job_id: str, after: str, block_ms: int) -> str | None:
    """Waits for an event of a job that comes after the one given; returns the newest's id, None where none comes."""
    found = client.call("XREAD", "BLOCK", block_ms, "STREAMS", JobKeys(job_id).events, after)
    return found[0][1][-1][0].decode() if found else None


def _new_batch(batch: ByteRange) -> str:
    fields = {"state": BatchState.WAITING, "offset": batch.offset, "length": batch.length, "attempts": 0, "deaths": 0}
    return json.dumps(fields)


def _hash(client: Client, name: str) -> dict[str, str]:
    return _decoded(client.call("HGETALL", name))


def _decoded(found: dict[bytes, bytes]) -> dict[str, str]:
    return {key.decode(): value.decode() for key, value in found.items()}


def _time(milliseconds: str) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1_000, UTC)


def _job(found: dict[str, str], now: datetime) -> Job:
    status = JobStatus(found["status"])
    started = _time(found["started_at"]) if "started_at" in found else None
    finished = _time(found["finished_at"]) if "finished_at" in found else None
    duration_s = max(((finished or now) - started).total_seconds(), 0.0) if started else 0.0
    total, done = int(found["bytes_total"]), int(found["bytes_done"])
    progress = 1.0 if status is JobStatus.COMPLETED else (done / total if total else 0.0)
    rows_read = int(found["rows_read"])
    return Job(
        id=found["id"],
        status=status,
        source=found["source"],
        created_at=_time(found["created_at"]),
        started_at=started,
        finished_at=finished,
        duration_s=duration_s if started else None,
        batches=BatchCounts(**{name: int(found[name]) for name in ("total", "done", "retried", "dead")}),
        rows=RowCounts(**{name: int(found[f"rows_{name}"]) for name in ("read", "accepted", "rejected")}),
        rejected_by_reason={
            name.removeprefix("rejected:"): int(found[name]) for name in sorted(found) if name.startswith("rejected:")
        },
        bytes=ByteCounts(total=total, done=done),
        progress=progress,
        rows_per_s=round(rows_read / duration_s, 1) if duration_s else None,
        eta_s=round(duration_s * (1 - progress) / progress, 3) if status is JobStatus.RUNNING and progress else None,
        error=found.get("error") or None,
    )
