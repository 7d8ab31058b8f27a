"""Reducers: the processes that merge partials and finish jobs, one at a time for each job."""

from collections.abc import Sequence
from dataclasses import dataclass

from autoconnect.broker import keys
from autoconnect.broker.connection import Client
from autoconnect.broker.failures import log_failure_in
from autoconnect.broker.keys import JobKeys
from autoconnect.models import JobStatus


@dataclass(frozen=True)
class Reduction:
    """The part of a job that a reducer works on: its status, its limit of cells, and the names of all its partials."""

    status: JobStatus
    max_cells: int | None
    names: list[str]


@dataclass(frozen=True)
class Judgement:
    """Whether a reducer whose lease has ended counts as dead, and the number of deaths at which its job fails."""

    may_judge: bool
    max_deaths: int


def begin_reduction(client: Client, job_id: str, reducer: str, lease_ms: int, judgement: Judgement) -> Reduction | None:
    """Let a reducer work on a job; None if the job has no work for one, or another one has its lease.

    If the lease of another one has ended, its death counts, and the job fails at the last death that it is allowed.
    """
    script_keys = [*JobKeys(job_id).for_scripts(), keys.reducer(reducer)]
    arguments = [lease_ms, int(judgement.may_judge), judgement.max_deaths]
    reply = client.run_script("begin_reduction", script_keys, arguments)
    log_failure_in(reply, job_id)
    if not isinstance(reply, list):
        return None
    status, max_cells, names = reply
    return Reduction(JobStatus(status.decode()), int(max_cells) if max_cells else None, [n.decode() for n in names])


def end_reduction(client: Client, job_id: str, reducer: str) -> None:
    """Let other reducers work on a job."""
    client.run_script("end_reduction", [*JobKeys(job_id).for_scripts(), keys.reducer(reducer)], [])


def jobs_of(client: Client, job_ids: Sequence[str], reducer: str) -> list[str]:
    """Those of the jobs that a reducer works on."""
    holders = client.call_many([["HGET", JobKeys(job_id).job, "reducer"] for job_id in job_ids])
    lease = keys.reducer(reducer).encode()
    return [job_id for job_id, holder in zip(job_ids, holders, strict=True) if holder == lease]


def renew_lease(client: Client, reducer: str, lease_ms: int) -> None:
    """Renew a reducer's lease, or make a new one if Redis lost it."""
    client.run_script("renew_reducer", [*keys.SHARED, keys.reducer(reducer)], [lease_ms])


def has_lease(client: Client, reducer: str) -> bool:
    """Whether a reducer has its lease."""
    return bool(client.call("EXISTS", keys.reducer(reducer)))


def end_lease(client: Client, reducer: str) -> None:
    """End the lease of a reducer that died."""
    client.call("UNLINK", keys.reducer(reducer))
