"""Claiming batches and giving them back. What becomes of a claimed one is in `results`."""

import json
from dataclasses import dataclass

from autoconnect.broker import keys
from autoconnect.broker.connection import Argument, Client
from autoconnect.broker.keys import BatchId, JobKeys
from autoconnect.core.layout import Layout
from autoconnect.core.splits import ByteRange
from autoconnect.sources import Version

_CROSSED_AGAIN = (
    "A record lies across the edge of two batches, although the source was cut between records; submit it again, and "
    "report it if that ends alike."
)


@dataclass(frozen=True)
class Claim:
    """A batch that a worker has: what to read, and how; `lines` where they travelled through Redis."""

    id: BatchId
    source: str
    version: Version
    layout: Layout
    range: ByteRange
    lines: bytes | None
    failed_before: bool


def claimed_items(client: Client, worker: str) -> list[BatchId]:
    """What is in a worker's claimed list."""
    return [BatchId.parse(item.decode()) for item in client.call("LRANGE", keys.claimed(worker), 0, -1)]


def await_batch(client: Client, worker: str, block_ms: int) -> BatchId | None:
    """Waits for an item on the ready list and moves it to the worker's claimed list, safe against a crash."""
    item = client.call("BLMOVE", keys.READY, keys.claimed(worker), "LEFT", "RIGHT", block_ms / 1_000)
    return BatchId.parse(item.decode()) if item else None


def take_batch(client: Client, worker: str) -> BatchId | None:
    """As `await_batch`, but without waiting."""
    item = client.call("LMOVE", keys.READY, keys.claimed(worker), "LEFT", "RIGHT")
    return BatchId.parse(item.decode()) if item else None


def claim_batch(client: Client, worker: str, batch: BatchId) -> Claim | None:
    """Takes a batch that is in the worker's claimed list; None where there is nothing to do for it."""
    names = [*JobKeys(batch.job).for_scripts(), keys.claimed(worker)]
    found = client.run_script("claim_batch", names, [str(batch), batch.generation, batch.batch, worker])
    if not found:
        return None
    text, source, size, mtime_ns, layout, lines = found
    state = json.loads(text)
    return Claim(
        id=batch,
        source=source.decode(),
        version=Version(int(size), int(mtime_ns)),
        layout=Layout.from_json(layout.decode()),
        range=ByteRange(int(state["offset"]), int(state["length"])),
        lines=lines,
        failed_before=bool(state["attempts"] or state["deaths"]),
    )


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


def return_batch(client: Client, worker: str, batch: BatchId, max_attempts: int = 0, reason: str = "") -> bool:
    """Gives a batch back; with `max_attempts` because mapping it failed, which counts."""
    names = [*JobKeys(batch.job).for_scripts(), keys.claimed(worker)]
    arguments: list[Argument] = [str(batch), batch.generation, batch.batch, worker, max_attempts, reason]
    return bool(client.run_script("return_batch", names, arguments))
