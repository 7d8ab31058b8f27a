"""Counts batches, jobs and rows for as long as Redis keeps its data.

Scripts count in the same step as they move a batch or a job, so a command that is sent again counts nothing twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from autoconnect.broker import keys
from autoconnect.broker.connection import Client
from autoconnect.core.schema import REASONS
from autoconnect.models import JobStatus


@dataclass(frozen=True)
class Counter:
    """A total that only grows: its name in Prometheus, without prefix, and its meaning there."""

    metric: str
    meaning: str


#: All counters by their name in the scripts.
COUNTERS: Mapping[str, Counter] = {
    "batches_done": Counter("batches_done", "Batches committed."),
    "retried": Counter("batches_retried", "Times a batch passed to another worker."),
    "reclaimed": Counter("batches_reclaimed", "Batches reclaimed from dead workers."),
    "backed_up": Counter("batches_backed_up", "Slow batches handed out to a second worker."),
    "discarded": Counter("batches_discarded", "Commits discarded because they came too late."),
    "dead": Counter("batches_dead", "Batches dead after too many failures or deaths of workers."),
    "rows_accepted": Counter("rows_accepted", "Accepted rows of committed batches."),
    "jobs_completed": Counter("jobs_completed", "Completed jobs."),
    "jobs_failed": Counter("jobs_failed", "Failed jobs."),
    "jobs_cancelled": Counter("jobs_cancelled", "Cancelled jobs."),
    "webhooks_sent": Counter("webhooks_sent", "Webhooks that their receiver accepted."),
    "webhooks_given_up": Counter("webhooks_given_up", "Webhooks not sent within a day, or whose job is gone."),
    "webhooks_dropped": Counter("webhooks_dropped", "Webhooks dropped because too many waited."),
}
#: Upper bounds of the durations that are counted together, in ms; the last of them has none. The prelude has the same.
BOUNDS_MS = (10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 1_800_000, 7_200_000)


@dataclass(frozen=True)
class Durations:
    """Numbers of durations up to each of BOUNDS_MS, then of all of them, and their sum in ms."""

    numbers: Sequence[int]
    sum_ms: int


class Totals:
    """All that the scripts have counted, as it was at one instant."""

    def __init__(self, fields: Mapping[bytes, bytes]) -> None:
        self._fields = {name.decode(): int(value) for name, value in fields.items()}

    @property
    def counters(self) -> dict[str, int]:
        """The value of each counter, by the names of COUNTERS."""
        return {name: self._fields.get(name, 0) for name in COUNTERS}

    @property
    def rejected(self) -> dict[str, int]:
        """Rejected rows of committed batches, by reason."""
        return {reason: self._fields.get(f"rejected:{reason}", 0) for reason in REASONS}

    @property
    def rows_read(self) -> int:
        """Rows of committed batches, accepted or rejected."""
        return self.counters["rows_accepted"] + sum(self.rejected.values())

    @property
    def batch_durations(self) -> Durations:
        """From the claim of a batch to its commit."""
        return self._durations("batch_ms")

    def job_durations(self, status: JobStatus) -> Durations:
        """From the start of a job to its end with a status."""
        return self._durations(f"job_ms:{status}")

    def _durations(self, histogram: str) -> Durations:
        numbers = [self._fields.get(f"{histogram}:{bound}", 0) for bound in (*BOUNDS_MS, "more")]
        return Durations(list(accumulate(numbers)), self._fields.get(f"{histogram}:sum", 0))


def read_totals(client: Client) -> Totals:
    """What the scripts have counted so far."""
    return Totals(client.call("HGETALL", keys.COUNTERS))


def read_counters(client: Client) -> dict[str, int]:
    """The value of each counter, by the names of COUNTERS."""
    return read_totals(client).counters
