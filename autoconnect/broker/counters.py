"""Counters of what happened to batches and jobs, over the life of the data in Redis."""

from collections.abc import Mapping
from dataclasses import dataclass

from autoconnect.broker import keys
from autoconnect.broker.connection import Client


@dataclass(frozen=True)
class Counter:
    """A total that only grows: its name in Prometheus, without prefix, and its meaning there."""

    metric: str
    meaning: str


#: All counters by their name in the scripts. A script counts in the same step as it moves the batch or job.
COUNTERS: Mapping[str, Counter] = {
    "batches_done": Counter("batches_done", "Batches committed."),
    "retried": Counter("batches_retried", "Times a batch passed to another worker."),
    "reclaimed": Counter("batches_reclaimed", "Batches reclaimed from dead workers."),
    "backed_up": Counter("batches_backed_up", "Slow batches handed out to a second worker."),
    "discarded": Counter("batches_discarded", "Commits discarded because they came too late."),
    "dead": Counter("batches_dead", "Batches dead after too many failures or deaths of workers."),
    "jobs_completed": Counter("jobs_completed", "Completed jobs."),
    "jobs_failed": Counter("jobs_failed", "Failed jobs."),
    "jobs_cancelled": Counter("jobs_cancelled", "Cancelled jobs."),
}


def read_counters(client: Client) -> dict[str, int]:
    """The value of each counter, by the names of COUNTERS."""
    values = client.call("HGETALL", keys.COUNTERS)
    return {name: int(values.get(name.encode(), 0)) for name in COUNTERS}
