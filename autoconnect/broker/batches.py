"""Claiming batches, giving them back, failing and backing them up; `results` commits them."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass

from autoconnect.broker import keys
from autoconnect.broker.connection import Argument, Client
from autoconnect.broker.keys import BatchId, JobKeys
from autoconnect.core.layout import Layout
from autoconnect.core.splits import ByteRange
from autoconnect.models import BatchState, JobStatus
from autoconnect.sources import Version

_CROSSED_AGAIN = (
    "A record lies across the edge of two batches, although the source was cut between records; submit it again, and "
    "report it if this happens again."
)


@dataclass(frozen=True)
class Claim:
    """A batch that a worker has claimed: the range to read, and how to read it.

    `lines` are set if the transport is inline. `alone`: commit the batch without others, as it failed before, lost a
    worker, or is a backup.
    """

    id: BatchId
    source: str
    version: Version
    layout: Layout
    range: ByteRange
    lines: bytes | None
    alone: bool


#: The next item for a worker: claimed already if it is of the worker's plan, otherwise only its id.
NextItem = Claim | BatchId | None


def claimed_items(client: Client, worker: str) -> list[BatchId]:
    """The items of a worker's claimed list."""
    return [BatchId.parse(item.decode()) for item in client.call("LRANGE", keys.claimed(worker), 0, -1)]


def wait_for_batch(client: Client, worker: str, block_ms: int) -> BatchId | None:
    """Wait for an item of the ready list and move it to the worker's claimed list in one crash-safe step.

    First register the worker over the same connection: Redis may have come back without it.
    """
    register: list[Argument] = ["ZADD", keys.WORKERS, "NX", round(time.time() * 1_000), keys.heartbeat(worker)]
    move: list[Argument] = ["BLMOVE", keys.READY, keys.claimed(worker), "LEFT", "RIGHT", str(block_ms / 1_000)]
    _, item = client.call_many([register, move])
    return BatchId.parse(item.decode()) if item else None


def claim_next_batch(client: Client, worker: str, plan: BatchId) -> NextItem:
    """Hand out an item of the ready list, and claim it if it is of the same plan as the batch `plan`."""
    script_keys = [*JobKeys(plan.job).for_scripts(), keys.claimed(worker)]
    return parse_next_item(client.run_script("claim_next_batch", script_keys, [plan.job, plan.generation, worker]))


def claim_batch(client: Client, worker: str, batch: BatchId) -> Claim | None:
    """Claim a batch of the worker's claimed list; if there is nothing to do for it, drop the item and return None."""
    script_keys = [*JobKeys(batch.job).for_scripts(), keys.claimed(worker)]
    claim = client.run_script("claim_batch", script_keys, [str(batch), batch.generation, batch.batch, worker])
    return _parse_claim(*claim) if claim else None


def parse_next_item(reply: Sequence[bytes] | None) -> NextItem:
    """The next item for a worker, from the reply of `hand_out` in `prelude.lua`."""
    if not reply:
        return None
    return _parse_claim(*reply) if len(reply) > 1 else BatchId.parse(reply[0].decode())


def is_needed(client: Client, batch: BatchId) -> bool:
    """Whether a commit of the batch could still count: its job runs this plan, and the batch is not done."""
    job_keys = JobKeys(batch.job)
    plan, batch_json = client.call_many(
        [["HMGET", job_keys.job, "status", "generation"], ["HGET", job_keys.batches, batch.batch]]
    )
    runs_plan = plan == [JobStatus.RUNNING.encode(), str(batch.generation).encode()]
    return runs_plan and batch_json is not None and json.loads(batch_json)["state"] != BatchState.DONE


def fail_batch(client: Client, worker: str, batch: BatchId, reason: str) -> bool:
    """Mark a batch dead and fail its job, without further attempts; False if the worker no longer has the batch."""
    script_keys = [*JobKeys(batch.job).for_scripts(), keys.claimed(worker)]
    arguments: list[Argument] = [str(batch), batch.generation, batch.batch, worker, reason]
    return bool(client.run_script("fail_batch", script_keys, arguments))


def replan_job(client: Client, worker: str, batch: BatchId) -> bool:
    """Drop the job's plan and have the source cut between records, as a record lies across the edge of the batch.

    If the source was cut between records before, fail the job. False if the worker no longer has the batch.
    """
    script_keys = [*JobKeys(batch.job).for_scripts(), keys.claimed(worker)]
    arguments: list[Argument] = [str(batch), batch.generation, batch.batch, worker, batch.job, _CROSSED_AGAIN]
    return bool(client.run_script("replan_job", script_keys, arguments))


def back_up_batches(client: Client, job_id: str, least_age_ms: int, times_average: int) -> list[BatchId]:
    """Hand out slow batches to idle workers, too, and return them; the first commit of each counts.

    A batch is slow if its claim is older than `least_age_ms`, and than `times_average` times the average time of a
    batch of its job.
    """
    script_keys = JobKeys(job_id).for_scripts()
    items = client.run_script("back_up_batches", script_keys, [least_age_ms, times_average])
    return [BatchId.parse(item.decode()) for item in items]


def return_batch(client: Client, worker: str, batch: BatchId, max_attempts: int = 0, reason: str = "") -> bool:
    """Give a batch back; False if the worker no longer has it.

    Pass `max_attempts` and `reason` if mapping it failed: the failure counts as an attempt.
    """
    script_keys = [*JobKeys(batch.job).for_scripts(), keys.claimed(worker)]
    arguments: list[Argument] = [str(batch), batch.generation, batch.batch, worker, max_attempts, reason]
    return bool(client.run_script("return_batch", script_keys, arguments))


def _parse_claim(
    item: bytes, batch_json: bytes, source: bytes, size: bytes, mtime_ns: bytes, layout: bytes, lines: bytes | None
) -> Claim:
    batch = json.loads(batch_json)
    return Claim(
        id=BatchId.parse(item.decode()),
        source=source.decode(),
        version=Version(int(size), int(mtime_ns)),
        layout=Layout.from_json(layout.decode()),
        range=ByteRange(int(batch["offset"]), int(batch["length"])),
        lines=lines,
        alone=bool(batch["attempts"] or batch["deaths"] or batch.get("backup")),
    )
