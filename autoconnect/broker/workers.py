"""Workers: their leases, and taking back what dead ones had claimed."""

from collections.abc import Mapping
from datetime import datetime

from autoconnect.broker import keys
from autoconnect.broker.batches import claimed_items
from autoconnect.broker.connection import Argument, Client
from autoconnect.broker.keys import BatchId, JobKeys
from autoconnect.models import Worker

#: A claimed list is forgotten when its worker is dead and it has been empty for so long: a dead client's blocked claim
#: can still receive an item.
_FORGET_MS = 3_600_000
#: When a worker was last seen is written down so often.
_NOTE_MS = _FORGET_MS // 10


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


def live_workers(client: Client) -> list[Worker]:
    """All workers whose heartbeat is there, by id."""
    workers = []
    for name, _ in registered(client):
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


def reap(client: Client, max_deaths: int) -> list[tuple[str, BatchId]]:
    """Takes the batches of all dead workers from them; returns worker and batch of each that was taken."""
    now_ms = _now_ms(client)
    reaped = []
    for name, seen_ms in registered(client):
        worker = keys.worker_of(name)
        alive = client.call("EXISTS", name)
        items = [] if alive else claimed_items(client, worker)
        for batch in items:
            script_keys = [*JobKeys(batch.job).for_scripts(), keys.claimed(worker), keys.heartbeat(worker)]
            arguments: list[Argument] = [str(batch), batch.generation, batch.batch, worker, max_deaths]
            if client.run_script("reap_batch", script_keys, arguments):
                reaped.append((worker, batch))
        if alive or items:
            if now_ms - seen_ms > _NOTE_MS:
                client.call("ZADD", keys.WORKERS, "XX", now_ms, name)
        elif now_ms - seen_ms > _FORGET_MS:
            client.call("ZREM", keys.WORKERS, name)
    return reaped


def registered(client: Client) -> list[tuple[str, int]]:
    """Heartbeat and time last seen in use, in ms, of each worker that may have claimed something."""
    found = client.call("ZRANGE", keys.WORKERS, 0, -1, "WITHSCORES")
    return [(name.decode(), int(score)) for name, score in zip(found[::2], found[1::2], strict=True)]


def _now_ms(client: Client) -> int:
    seconds, microseconds = client.call("TIME")
    return int(seconds) * 1_000 + int(microseconds) // 1_000
