"""Batches in Redis: claiming them, giving them back, failing and backing them up; `partials` commits them."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass

from autoconnect.broker import keys
from autoconnect.broker.connection import Argument, Client, wait_s
from autoconnect.broker.failures import log_failure, log_failure_in
from autoconnect.broker.jobs import short_reason
from autoconnect.broker.keys import BatchId, JobKeys
from autoconnect.core.plan import MappableBatch, Part
from autoconnect.core.splits import ByteRange
from autoconnect.models import Batch, BatchState, JobStatus


@dataclass(frozen=True)
class Claim:
    """A batch that a worker has claimed.

    `max_cells` is the limit of its job's cells, None if an older version has planned it. `alone`: commit it without
    others, as it failed before, lost a worker, or is a backup.
    """

    id: BatchId
    batch: MappableBatch
    max_cells: int | None
    alone: bool


def claimed_items(client: Client, worker: str) -> list[BatchId]:
    """The items of a worker's claimed list."""
    return [BatchId.parse(item.decode()) for item in client.call("LRANGE", keys.claimed(worker), 0, -1)]


def wait_for_batch(client: Client, worker: str, block_ms: int) -> BatchId | None:
    """Wait for an item of the ready list and move it to the worker's claimed list in one crash-safe step.

    First register the worker over the same connection: Redis may have come back without it.
    """
    register: list[Argument] = ["ZADD", keys.WORKERS, "NX", round(time.time() * 1_000), keys.heartbeat(worker)]
    move: list[Argument] = ["BLMOVE", keys.READY, keys.claimed(worker), "LEFT", "RIGHT", str(wait_s(block_ms))]
    _, item = client.call_many([register, move])
    return BatchId.parse(item.decode()) if item else None


def claim_next_batch(client: Client, worker: str, mapped: BatchId) -> Claim | None:
    """Claim a ready batch, None if there is none; one call is enough if it is of the plan of the batch `mapped`."""
    script_keys = [*JobKeys(mapped.job).for_scripts(), keys.claimed(worker)]
    reply = client.run_script("claim_next_batch", script_keys, [mapped.job, mapped.generation, worker])
    return complete_claim(client, worker, reply)


def claim_batch(client: Client, worker: str, batch: BatchId) -> Claim | None:
    """Claim a batch of the worker's claimed list; if there is nothing to do for it, drop the item and return None."""
    script_keys = [*JobKeys(batch.job).for_scripts(), keys.claimed(worker)]
    claim = client.run_script("claim_batch", script_keys, [str(batch), batch.generation, batch.batch, worker])
    return _parse_claim(*claim) if claim else None


def complete_claim(client: Client, worker: str, reply: Sequence[bytes] | None) -> Claim | None:
    """The claim in a reply of `hand_out` in `prelude.lua`; an item of another plan comes alone, and is claimed here."""
    if not reply:
        return None
    return _parse_claim(*reply) if len(reply) > 1 else claim_batch(client, worker, BatchId.parse(reply[0].decode()))


def is_needed(client: Client, batch: BatchId) -> bool:
    """Whether a commit of the batch could still count: its job runs this plan, and the batch is not done."""
    job_keys = JobKeys(batch.job)
    plan_fields, batch_json = client.call_many(
        [["HMGET", job_keys.job, "status", "generation"], ["HGET", job_keys.batches, batch.batch]]
    )
    runs_plan = plan_fields == [JobStatus.RUNNING.encode(), str(batch.generation).encode()]
    return runs_plan and batch_json is not None and json.loads(batch_json)["state"] != BatchState.DONE


def fail_batch(client: Client, worker: str, batch: BatchId, reason: str) -> bool:
    """Mark a batch dead and fail its job, without further attempts; False if the worker no longer has the batch."""
    script_keys = [*JobKeys(batch.job).for_scripts(), keys.claimed(worker)]
    reason = short_reason(reason)
    arguments: list[Argument] = [str(batch), batch.generation, batch.batch, worker, reason]
    failed = bool(client.run_script("fail_batch", script_keys, arguments))
    if failed:
        log_failure(batch.job, reason)
    return failed


def back_up_batches(client: Client, job_id: str, least_age_ms: int, times_average: int) -> list[BatchId]:
    """Hand out slow batches to idle workers, too, and return them; the first commit of each counts.

    A batch is slow if its claim is older than `least_age_ms`, and older than `times_average` times the average time of
    a batch of its job.
    """
    script_keys = JobKeys(job_id).for_scripts()
    items = client.run_script("back_up_batches", script_keys, [least_age_ms, times_average])
    return [BatchId.parse(item.decode()) for item in items]


def give_back_batch(client: Client, worker: str, batch: BatchId, max_attempts: int = 0, reason: str = "") -> bool:
    """Give a batch back; False if the worker no longer has it.

    Pass `max_attempts` and `reason` if mapping it failed: the failure counts as an attempt.
    """
    script_keys = [*JobKeys(batch.job).for_scripts(), keys.claimed(worker)]
    arguments: list[Argument] = [str(batch), batch.generation, batch.batch, worker, max_attempts, short_reason(reason)]
    reply = client.run_script("give_back_batch", script_keys, arguments)
    log_failure_in(reply, batch.job)
    return bool(reply)


def read_batches(client: Client, job_id: str, numbers: Sequence[int]) -> list[Batch]:
    """The batches of a job by number; numbers that the job does not have are left out."""
    if not numbers:
        return []
    job_keys = JobKeys(job_id)
    status, batches_json = client.read_together(
        [["HGET", job_keys.job, "status"], ["HMGET", job_keys.batches, *numbers]]
    )
    batches = [
        Batch.model_validate_json(b'{"batch":%d,' % number + batch_json[1:])
        for number, batch_json in zip(numbers, batches_json, strict=True)
        if batch_json
    ]
    if status is None or not JobStatus(status.decode()).ended:
        return batches
    return [batch.model_copy(update={"state": BatchState.DROPPED}) if batch.is_open else batch for batch in batches]


def _parse_claim(item: bytes, batch_json: bytes, part_json: bytes, max_cells: bytes, lines: bytes | None) -> Claim:
    id_, fields = BatchId.parse(item.decode()), json.loads(batch_json)
    byte_range = ByteRange(int(fields["offset"]), int(fields["length"]))
    return Claim(
        id=id_,
        batch=MappableBatch(id_.batch, Part.from_json(part_json), byte_range, lines),
        max_cells=int(max_cells) if max_cells else None,
        alone=bool(fields["attempts"] or fields["deaths"] or fields.get("backup")),
    )
