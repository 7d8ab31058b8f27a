"""The queue: claiming, committing and giving back batches, and reaping those of dead workers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from autoconnect.broker import keys
from autoconnect.broker.connection import Argument, Client
from autoconnect.broker.keys import BatchId, JobKeys
from autoconnect.core.layout import Layout
from autoconnect.core.partial import Partial, encode
from autoconnect.core.splits import ByteRange
from autoconnect.models import Queue, Worker
from autoconnect.sources import Version

#: So many partials of a job wake the aggregator before the job's last batch does.
COMPACT_PARTIALS = 16
#: A claimed list is forgotten when its worker is dead and it has been empty for so long: a dead client's blocked claim
#: can still receive an item.
_FORGET_MS = 3_600_000
#: Above this share of Redis' memory, workers stop claiming.
_MEMORY_SHARE = 0.75


@dataclass(frozen=True)
class Claim:
    """A batch that a worker has: what to read, and how; `lines` where they travelled through Redis."""

    id: BatchId
    source: str
    version: Version
    layout: Layout
    range: ByteRange
    lines: bytes | None


def register_worker(client: Client, worker: str, lease_ms: int, about: Mapping[str, str | int]) -> None:
    """Writes the worker's heartbeat, which must be there before its first claim."""
    fields = [item for pair in about.items() for item in pair]
    names = [keys.READY, keys.ACTIVE, keys.WORKERS, keys.OPEN, keys.ORCHESTRATOR, keys.AGGREGATOR]
    client.run_script("register_worker", [*names, keys.heartbeat(worker)], [lease_ms, *fields])


def renew_lease(client: Client, worker: str, lease_ms: int) -> bool:
    """Lets a worker live on; False where its heartbeat is gone and has to be registered anew."""
    return bool(client.call("PEXPIRE", keys.heartbeat(worker), lease_ms))


def leave(client: Client, worker: str) -> None:
    """Takes a worker that ends off the list; its claimed list stays registered."""
    client.call("DEL", keys.heartbeat(worker))


def claimed_items(client: Client, worker: str) -> list[BatchId]:
    """What is in a worker's claimed list."""
    return [BatchId.parse(item.decode()) for item in client.call("LRANGE", keys.claimed(worker), 0, -1)]


def await_batch(client: Client, worker: str, block_ms: int) -> BatchId | None:
    """Waits for an item on the ready list and moves it to the worker's claimed list, safe against a crash."""
    item = client.call("BLMOVE", keys.READY, keys.claimed(worker), "LEFT", "RIGHT", block_ms / 1_000)
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
    )


def commit_batch(client: Client, worker: str, batch: BatchId, partial: Partial) -> bool:
    """Writes a batch's partial; False where another commit was first, or the job has ended."""
    names = JobKeys(batch.job)
    reasons = [item for pair in partial.rejected.items() for item in pair]
    fields = [item for pair in encode(partial).items() for item in pair]
    counts = [partial.rows_accepted, partial.rows_rejected, len(partial.rejected)]
    about: list[Argument] = [str(batch), batch.generation, batch.batch, batch.job, COMPACT_PARTIALS, *counts]
    # A partial's name has the plan's generation: one of an older plan can never be taken for one of this.
    partial_key = names.partial(f"{batch.generation}.{batch.batch}")
    script_keys = [*names.for_scripts(), keys.claimed(worker), partial_key]
    return bool(client.run_script("commit_batch", script_keys, [*about, *reasons, *fields]))


def return_batch(client: Client, worker: str, batch: BatchId, max_attempts: int = 0, reason: str = "") -> bool:
    """Gives a batch back; with `max_attempts` because mapping it failed, which counts."""
    names = [*JobKeys(batch.job).for_scripts(), keys.claimed(worker)]
    arguments: list[Argument] = [str(batch), batch.generation, batch.batch, worker, max_attempts, reason]
    return bool(client.run_script("return_batch", names, arguments))


def reap(client: Client, max_deaths: int) -> list[tuple[str, BatchId]]:
    """Takes the batches of all dead workers from them; returns worker and batch of each that was taken."""
    now_ms = _now_ms(client)
    reaped = []
    for name, seen_ms in _registered(client):
        worker = keys.worker_of(name)
        alive = client.call("EXISTS", name)
        items = [] if alive else claimed_items(client, worker)
        for batch in items:
            script_keys = [*JobKeys(batch.job).for_scripts(), keys.claimed(worker), keys.heartbeat(worker)]
            arguments: list[Argument] = [str(batch), batch.generation, batch.batch, worker, max_deaths]
            if client.run_script("reap_batch", script_keys, arguments):
                reaped.append((worker, batch))
        if alive or items:
            if now_ms - seen_ms > _FORGET_MS / 10:
                client.call("ZADD", keys.WORKERS, "XX", now_ms, name)
        elif now_ms - seen_ms > _FORGET_MS:
            client.call("ZREM", keys.WORKERS, name)
    return reaped


def server_run(client: Client) -> str:
    """What changes when Redis is started again."""
    return str(client.call("INFO", "server")["run_id"])


def memory_is_short(client: Client) -> bool:
    """Whether Redis is so full that nothing more should be claimed."""
    memory = client.call("INFO", "memory")
    return bool(0 < memory["maxmemory"] * _MEMORY_SHARE < memory["used_memory"])


def live_workers(client: Client) -> list[Worker]:
    """All workers whose heartbeat is there, by id."""
    workers = []
    for name, _ in _registered(client):
        worker = keys.worker_of(name)
        about = {key.decode(): value.decode() for key, value in client.call("HGETALL", name).items()}
        lease_ms_left = client.call("PTTL", name)
        if about and lease_ms_left > 0:
            workers.append(
                Worker(
                    id=worker,
                    host=about["host"],
                    pid=int(about["pid"]),
                    started_at=datetime.fromisoformat(about["started_at"]),
                    lease_ms_left=lease_ms_left,
                    working_on=[str(batch) for batch in claimed_items(client, worker)],
                )
            )
    return sorted(workers, key=lambda worker: worker.id)


def queues(client: Client) -> list[Queue]:
    """The lists that all jobs share, and the waiting and claimed batches."""
    open_jobs = [job_id.decode() for job_id in client.call("SMEMBERS", keys.OPEN)]
    lists = {
        "orchestrator": [keys.ORCHESTRATOR],
        "waiting": [JobKeys(job_id).waiting for job_id in open_jobs],
        "ready": [keys.READY],
        "claimed": [keys.claimed(keys.worker_of(name)) for name, _ in _registered(client)],
        "aggregator": [keys.AGGREGATOR],
    }
    return [
        Queue(queue=queue, depth=sum(client.call_many([["LLEN", name] for name in names])))
        for queue, names in lists.items()
    ]


def await_orchestrator(client: Client, block_ms: int) -> set[str]:
    """Waits until a job wants the orchestrator; ids of all that do, empty where none came."""
    return _await(client, keys.ORCHESTRATOR, block_ms)


def await_aggregator(client: Client, block_ms: int) -> set[str]:
    """Waits until a job wants the aggregator; ids of all that do, empty where none came."""
    return _await(client, keys.AGGREGATOR, block_ms)


def _await(client: Client, name: str, block_ms: int) -> set[str]:
    """The list only wakes: what is to be done follows from the jobs, so that losing an item loses nothing."""
    first = client.call("BLPOP", name, block_ms / 1_000)
    if not first:
        return set()
    return {item.decode() for item in [first[1], *(client.call("LPOP", name, 1_000) or [])]}


def _now_ms(client: Client) -> int:
    seconds, microseconds = client.call("TIME")
    return int(seconds) * 1_000 + int(microseconds) // 1_000


def _registered(client: Client) -> list[tuple[str, int]]:
    """Heartbeat and time last seen in use, in ms, of each worker that may have claimed something."""
    found = client.call("ZRANGE", keys.WORKERS, 0, -1, "WITHSCORES")
    return [(name.decode(), int(score)) for name, score in found]
