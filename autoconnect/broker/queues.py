"""The lists that wake services, and the depths of all lists."""

from autoconnect.broker import keys, server
from autoconnect.broker.connection import Client, wait_s
from autoconnect.broker.keys import BatchId, JobKeys
from autoconnect.broker.workers import registered_workers
from autoconnect.models import Queue


def wait_for_orchestrator_jobs(client: Client, block_ms: int) -> set[str]:
    """Wait until a job needs the orchestrator; return the ids of all that do, empty if none came in time."""
    return _wait_for_jobs(client, keys.ORCHESTRATOR, block_ms)


def pop_orchestrator_jobs(client: Client) -> set[str]:
    """Ids of all jobs that need the orchestrator now; a BLPOP of 1 ms would last 100 ms, until Redis' next tick."""
    return _pop_jobs(client, keys.ORCHESTRATOR)


def wait_for_aggregator_jobs(client: Client, block_ms: int) -> set[str]:
    """Wait until a job needs the aggregator; return the ids of all that do, empty if none came in time."""
    return _wait_for_jobs(client, keys.AGGREGATOR, block_ms)


def wake_aggregator(client: Client, job_id: str) -> None:
    """Have the aggregator look at a job now."""
    client.call("RPUSH", keys.AGGREGATOR, job_id)


def queues(client: Client) -> list[Queue]:
    """The depths of the lists that all jobs share, and of all waiting and all claimed lists together."""
    open_jobs = [job_id.decode() for job_id in client.call("SMEMBERS", keys.OPEN)]
    lists = {
        "orchestrator": [keys.ORCHESTRATOR],
        "waiting": [JobKeys(job_id).waiting for job_id in open_jobs],
        "ready": [keys.READY],
        "claimed": [keys.claimed(keys.worker_of(heartbeat)) for heartbeat, _ in registered_workers(client)],
        "aggregator": [keys.AGGREGATOR],
    }
    return [
        Queue(queue=queue, depth=sum(client.call_many([["LLEN", name] for name in names])))
        for queue, names in lists.items()
    ]


def oldest_wait_ms(client: Client) -> int | None:
    """Milliseconds since the oldest plan that has a batch without a worker was made; None if no batch waits.

    It reads the lists of open jobs, not their batches: the generation of a plan is the time when it was made.
    """
    open_jobs = [job_id.decode() for job_id in client.call("SMEMBERS", keys.OPEN)]
    depths = [["LLEN", JobKeys(job_id).waiting] for job_id in open_jobs]
    generations = [["HGET", JobKeys(job_id).job, "generation"] for job_id in open_jobs]
    ready, *replies = client.call_many([["LRANGE", keys.READY, 0, -1], *depths, *generations])
    ready_plans = {(item.job, item.generation) for item in (BatchId.parse(each.decode()) for each in ready)}
    made_at_ms = [
        int(generation)
        for job_id, depth, generation in zip(open_jobs, replies[: len(depths)], replies[len(depths) :], strict=True)
        if generation and (depth or (job_id, int(generation)) in ready_plans)
    ]
    return max(server.time_ms(client) - min(made_at_ms), 0) if made_at_ms else None


def _wait_for_jobs(client: Client, name: str, block_ms: int) -> set[str]:
    """Wait for an item of a list. A lost item loses no work: services decide by the state of the jobs."""
    first = client.call("BLPOP", name, wait_s(block_ms))
    if not first:
        return set()
    return {first[1].decode(), *_pop_jobs(client, name)}


def _pop_jobs(client: Client, name: str) -> set[str]:
    return {item.decode() for item in client.call("LPOP", name, 1_000) or []}
