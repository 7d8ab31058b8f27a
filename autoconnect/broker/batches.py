"""Claiming batches and giving them back. What becomes of a claimed one is in `results`."""

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
    "report it if that ends alike."
)


@dataclass(frozen=True)
class Claim:
    """A batch that a worker has: what to read, and how; `lines` where they travelled through Redis.

    `alone`: it is not to be committed with others, as it failed before or is the backup of another worker's.
    """

    id: BatchId
    source: str
    version: Version
    layout: Layout
    range: ByteRange
    lines: bytes | None
    alone: bool


#: What a worker is handed: a batch that it has claimed by that, or one of another plan that it has yet to claim.
Handed = Claim | BatchId | None


def claimed_items(client: Client, worker: str) -> list[BatchId]:
    """What is in a worker's claimed list."""
    return [BatchId.parse(item.decode()) for item in client.call("LRANGE", keys.claimed(worker), 0, -1)]


def wait_for_batch(client: Client, worker: str, block_ms: int) -> BatchId | None:
    """Waits for an item on the ready list and moves it to the worker's claimed list, safe against a crash.

    Before that, by the same connection, it sees to it that the worker is known: Redis may have come back without it.
    """
    know: list[Argument] = ["ZADD", keys.WORKERS, "NX", round(time.time() * 1_000), keys.heartbeat(worker)]
    move: list[Argument] = ["BLMOVE", keys.READY, keys.claimed(worker), "LEFT", "RIGHT", str(block_ms / 1_000)]
    _, item = client.call_many([know, move])
    return BatchId.parse(item.decode()) if item else None


def claim_next_batch(client: Client, worker: str, plan: BatchId) -> Handed:
    """Moves an item off the ready list, if there is one, and claims it where it is of the same plan as another."""
    names = [*JobKeys(plan.job).for_scripts(), keys.claimed(worker)]
    return read_handed(client.run_script("claim_next_batch", names, [plan.job, plan.generation, worker]))


def claim_batch(client: Client, worker: str, batch: BatchId) -> Claim | None:
    """Takes a batch that is in the worker's claimed list; None where there is nothing to do for it."""
    names = [*JobKeys(batch.job).for_scripts(), keys.claimed(worker)]
    found = client.run_script("claim_batch", names, [str(batch), batch.generation, batch.batch, worker])
    return _claim(*found) if found else None


def read_handed(found: Sequence[bytes] | None) -> Handed:
    """What a script hands a worker: a claim, an item alone, or nothing."""
    if not found:
        return None
    return _claim(*found) if len(found) > 1 else BatchId.parse(found[0].decode())


def is_wanted(client: Client, batch: BatchId) -> bool:
    """Whether a commit of the batch could still count: its job runs this plan, and nobody has done it."""
    names = JobKeys(batch.job)
    about, text = client.call_many([["HMGET", names.job, "status", "generation"], ["HGET", names.batches, batch.batch]])
    runs = about == [JobStatus.RUNNING.encode(), str(batch.generation).encode()]
    return runs and text is not None and json.loads(text)["state"] != BatchState.DONE


def fail_batch(client: Client, worker: str, batch: BatchId, reason: str) -> bool:
    """Fails the job for what its batch shows; False where the batch is not the worker's any more."""
    names = [*JobKeys(batch.job).for_scripts(), keys.claimed(worker)]
    return bool(client.run_script("fail_batch", names, [str(batch), batch.generation, batch.batch, worker, reason]))


def replan_job(client: Client, worker: str, batch: BatchId) -> bool:
    """Has the job cut anew, between records, of which one lies across the batch's edge; nothing of this plan stays.

    A job that was cut so already fails. False where the batch is not the worker's any more.
    """
    names = [*JobKeys(batch.job).for_scripts(), keys.claimed(worker)]
    arguments: list[Argument] = [str(batch), batch.generation, batch.batch, worker, batch.job, _CROSSED_AGAIN]
    return bool(client.run_script("replan_job", names, arguments))


def back_up_batches(client: Client, job_id: str, least_age_ms: int, times_average: int) -> list[BatchId]:
    """Hands batches that are claimed for unusually long to idle workers, too; which of the two commits first counts."""
    names = JobKeys(job_id).for_scripts()
    items = client.run_script("back_up_batches", names, [least_age_ms, times_average])
    return [BatchId.parse(item.decode()) for item in items]


def return_batch(client: Client, worker: str, batch: BatchId, max_attempts: int = 0, reason: str = "") -> bool:
    """Gives a batch back; with `max_attempts` because mapping it failed, which counts."""
    names = [*JobKeys(batch.job).for_scripts(), keys.claimed(worker)]
    arguments: list[Argument] = [str(batch), batch.generation, batch.batch, worker, max_attempts, reason]
    return bool(client.run_script("return_batch", names, arguments))


def _claim(
    item: bytes, text: bytes, source: bytes, size: bytes, mtime_ns: bytes, layout: bytes, lines: bytes | None
) -> Claim:
    state = json.loads(text)
    return Claim(
        id=BatchId.parse(item.decode()),
        source=source.decode(),
        version=Version(int(size), int(mtime_ns)),
        layout=Layout.from_json(layout.decode()),
        range=ByteRange(int(state["offset"]), int(state["length"])),
        lines=lines,
        alone=bool(state["attempts"] or state["deaths"] or state.get("backup")),
    )
