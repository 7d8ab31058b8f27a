"""The lists that wake services, and what there is to know of the server itself."""

from autoconnect.broker import keys
from autoconnect.broker.connection import Client
from autoconnect.broker.keys import JobKeys
from autoconnect.broker.workers import registered
from autoconnect.models import Queue

#: What is counted; the scripts do it, in the same step as what they count.
COUNTERS = (
    *("batches_done", "retried", "reclaimed", "backed_up", "discarded", "dead"),
    *("jobs_completed", "jobs_failed", "jobs_cancelled"),
)
#: Above this share of Redis' memory, workers stop claiming.
_MEMORY_SHARE = 0.75


def wait_for_orchestrator_jobs(client: Client, block_ms: int) -> set[str]:
    """Waits until a job wants the orchestrator; ids of all that do, empty where none came."""
    return _wait_for_jobs(client, keys.ORCHESTRATOR, block_ms)


def pop_orchestrator_jobs(client: Client) -> set[str]:
    """Ids of all jobs that want the orchestrator now; a wait of 1 ms would end with Redis' next tick, after 100 ms."""
    return _pop_jobs(client, keys.ORCHESTRATOR)


def wait_for_aggregator_jobs(client: Client, block_ms: int) -> set[str]:
    """Waits until a job wants the aggregator; ids of all that do, empty where none came."""
    return _wait_for_jobs(client, keys.AGGREGATOR, block_ms)


def queues(client: Client) -> list[Queue]:
    """The lists that all jobs share, and the waiting and claimed batches."""
    open_jobs = [job_id.decode() for job_id in client.call("SMEMBERS", keys.OPEN)]
    lists = {
        "orchestrator": [keys.ORCHESTRATOR],
        "waiting": [JobKeys(job_id).waiting for job_id in open_jobs],
        "ready": [keys.READY],
        "claimed": [keys.claimed(keys.worker_of(name)) for name, _ in registered(client)],
        "aggregator": [keys.AGGREGATOR],
    }
    return [
        Queue(queue=queue, depth=sum(client.call_many([["LLEN", name] for name in names])))
        for queue, names in lists.items()
    ]


def counters(client: Client) -> dict[str, int]:
    """How often what has happened, ever, by the names of COUNTERS."""
    found = client.call("HGETALL", keys.COUNTERS)
    return {name: int(found.get(name.encode(), 0)) for name in COUNTERS}


def memory_is_short(client: Client) -> bool:
    """Whether Redis is so full that nothing more should be claimed."""
    memory = client.call("INFO", "memory")
    return bool(0 < memory["maxmemory"] * _MEMORY_SHARE < memory["used_memory"])


def server_run(client: Client) -> str:
    """What changes when Redis is started again."""
    return str(client.call("INFO", "server")["run_id"])


def _wait_for_jobs(client: Client, name: str, block_ms: int) -> set[str]:
    """The list only wakes: what is to be done follows from the jobs, so that losing an item loses nothing."""
    first = client.call("BLPOP", name, block_ms / 1_000)
    if not first:
        return set()
    return {first[1].decode(), *_pop_jobs(client, name)}


def _pop_jobs(client: Client, name: str) -> set[str]:
    return {item.decode() for item in client.call("LPOP", name, 1_000) or []}
