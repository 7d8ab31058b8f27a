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
    client.run_script("register_worker", [*keys.SHARED, keys.heartbeat(worker)], [lease_ms, *fields])


def renew_lease(client: Client, worker: str, lease_ms: int) -> bool:
    """Lets a worker live on; False where its heartbeat is gone and has to be registered anew."""
    return bool(client.call("PEXPIRE", keys.heartbeat(worker), lease_ms))


def leave(client: Client, worker: str) -> None:
    """Takes a worker that ends off the list; its claimed list stays registered."""
    client.call("DEL", keys.heartbeat(worker))


def live_workers(client: Client) -> list[Worker]:
    """All workers whose heartbeat is there, by id."""
    names = [name for name, _ in registered(client)]
    abouts = client.call_many([["HGETALL", name] for name in names])
    leases = client.call_many([["PTTL", name] for name in names])
    workers = []
    for name, found, lease_ms_left in zip(names, abouts, leases, strict=True):
        if not found or lease_ms_left <= 0:
            continue
        worker = keys.worker_of(name)
        about = {key.decode(): value.decode() for key, value in found.items()}
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


def check_leases(client: Client, lease_ms: int) -> None:
    """Lets the ready list grow and shrink with those that live; cuts leases that a clock set back has made long."""
    client.run_script("check_leases", keys.SHARED, [lease_ms])


def last_count(client: Client) -> int:
    """How many workers lived when they were counted last."""
    return int(client.call("GET", keys.LIVE) or 0)


def reap(client: Client, max_deaths: int) -> list[tuple[str, BatchId]]:
    """Takes the batches of all dead workers from them; returns worker and batch of each that was taken."""
    now_ms = server_ms(client)
    found = registered(client)
    alive = client.call_many([["EXISTS", name] for name, _ in found])
    claimed = client.call_many([["LLEN", keys.claimed(keys.worker_of(name))] for name, _ in found])
    reaped = []
    for (name, seen_ms), lives, depth in zip(found, alive, claimed, strict=True):
        worker = keys.worker_of(name)
        if depth and not lives:
            reaped += [
                (worker, item) for item in claimed_items(client, worker) if _reap(client, worker, item, max_deaths)
            ]
        if lives or depth:
            if now_ms - seen_ms > _NOTE_MS:
                client.call("ZADD", keys.WORKERS, "XX", now_ms, name)
        elif now_ms - seen_ms > _FORGET_MS:
            client.call("ZREM", keys.WORKERS, name)
    return reaped


def registered(client: Client) -> list[tuple[str, int]]:
    """Heartbeat and time last seen in use, in ms, of each worker that may have claimed something."""
    found = client.call("ZRANGE", keys.WORKERS, 0, -1, "WITHSCORES")
    return [(name.decode(), int(score)) for name, score in zip(found[::2], found[1::2], strict=True)]


def server_ms(client: Client) -> int:
    """What the server's clock says, in ms since 1970."""
    seconds, microseconds = client.call("TIME")
    return int(seconds) * 1_000 + int(microseconds) // 1_000


def _reap(client: Client, worker: str, batch: BatchId, max_deaths: int) -> bool:
    script_keys = [*JobKeys(batch.job).for_scripts(), keys.claimed(worker), keys.heartbeat(worker)]
    arguments: list[Argument] = [str(batch), batch.generation, batch.batch, worker, max_deaths]
    return bool(client.run_script("reap_batch", script_keys, arguments))
