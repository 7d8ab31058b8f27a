"""Workers: their leases, and reclaiming the batches of dead ones."""

from collections.abc import Mapping
from datetime import datetime

from autoconnect.broker import keys, server
from autoconnect.broker.batches import claimed_items
from autoconnect.broker.connection import Argument, Client
from autoconnect.broker.failures import log_failure_in
from autoconnect.broker.keys import BatchId, JobKeys
from autoconnect.models import Worker

#: Milliseconds after which the claimed list of a dead worker is forgotten, if it stayed empty: the blocking call of a
#: dead client can still receive an item.
_FORGET_MS = 3_600_000
#: Milliseconds between updates of the time at which a worker's heartbeat or claimed list was last in use.
_NOTE_MS = _FORGET_MS // 10


def register_worker(client: Client, worker: str, lease_ms: int, description: Mapping[str, str | int]) -> None:
    """Write the worker's heartbeat, which must exist before the worker's first claim."""
    fields = [item for pair in description.items() for item in pair]
    client.run_script("register_worker", [*keys.SHARED, keys.heartbeat(worker)], [lease_ms, *fields])


def renew_lease(client: Client, worker: str, lease_ms: int) -> bool:
    """Renew a worker's lease; False if its heartbeat is gone and has to be registered again."""
    return bool(client.call("PEXPIRE", keys.heartbeat(worker), lease_ms))


def leave(client: Client, worker: str) -> None:
    """Remove the heartbeat of a worker that ends; its claimed list stays registered."""
    client.call("DEL", keys.heartbeat(worker))


def live_workers(client: Client) -> list[Worker]:
    """All workers whose heartbeat exists, by id."""
    heartbeats = [heartbeat for heartbeat, _ in registered_workers(client)]
    descriptions = client.call_many([["HGETALL", heartbeat] for heartbeat in heartbeats])
    leases = client.call_many([["PTTL", heartbeat] for heartbeat in heartbeats])
    workers = []
    for heartbeat, description, lease_ms_left in zip(heartbeats, descriptions, leases, strict=True):
        if not description or lease_ms_left <= 0:
            continue
        worker = keys.worker_of(heartbeat)
        fields = {key.decode(): value.decode() for key, value in description.items()}
        workers.append(
            Worker(
                id=worker,
                host=fields["host"],
                pid=int(fields["pid"]),
                started_at=datetime.fromisoformat(fields["started_at"]),
                lease_ms_left=lease_ms_left,
                working_on=[str(batch) for batch in claimed_items(client, worker)],
            )
        )
    return sorted(workers, key=lambda worker: worker.id)


def count_live_workers(client: Client) -> int:
    """The number of workers whose heartbeat exists now."""
    heartbeats = [heartbeat for heartbeat, _ in registered_workers(client)]
    return int(client.call("EXISTS", *heartbeats)) if heartbeats else 0


def check_leases(client: Client, lease_ms: int) -> None:
    """Fit the ready list to the number of live workers, and cut leases that a clock set back has made too long."""
    client.run_script("check_leases", keys.SHARED, [lease_ms])


def last_live_count(client: Client) -> int:
    """The number of live workers at the last tick or registration."""
    return int(client.call("GET", keys.LIVE) or 0)


def reap(client: Client, max_deaths: int) -> list[tuple[str, BatchId]]:
    """Reclaim the batches of all dead workers; return the worker and the batch of each reclaim."""
    now_ms = server.time_ms(client)
    registered = registered_workers(client)
    alive = client.call_many([["EXISTS", heartbeat] for heartbeat, _ in registered])
    depths = client.call_many([["LLEN", keys.claimed(keys.worker_of(heartbeat))] for heartbeat, _ in registered])
    reaped = []
    for (heartbeat, last_use_ms), is_alive, depth in zip(registered, alive, depths, strict=True):
        worker = keys.worker_of(heartbeat)
        if depth and not is_alive:
            reaped += [
                (worker, item) for item in claimed_items(client, worker) if _reap(client, worker, item, max_deaths)
            ]
        if is_alive or depth:
            if now_ms - last_use_ms > _NOTE_MS:
                client.call("ZADD", keys.WORKERS, "XX", now_ms, heartbeat)
        elif now_ms - last_use_ms > _FORGET_MS:
            client.call("ZREM", keys.WORKERS, heartbeat)
    return reaped


def registered_workers(client: Client) -> list[tuple[str, int]]:
    """Heartbeat key and time of last use, in ms since 1970, of each worker that may have claimed something."""
    names_and_times = client.call("ZRANGE", keys.WORKERS, 0, -1, "WITHSCORES")
    return [
        (name.decode(), int(time_ms)) for name, time_ms in zip(names_and_times[::2], names_and_times[1::2], strict=True)
    ]


def _reap(client: Client, worker: str, batch: BatchId, max_deaths: int) -> bool:
    script_keys = [*JobKeys(batch.job).for_scripts(), keys.claimed(worker), keys.heartbeat(worker)]
    arguments: list[Argument] = [str(batch), batch.generation, batch.batch, worker, max_deaths]
    reply = client.run_script("reap_batch", script_keys, arguments)
    log_failure_in(reply, batch.job)
    return bool(reply)
