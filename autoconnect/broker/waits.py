"""Jobs that wait for memory of Redis: what they need, since when they wait, and the end of their wait."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from autoconnect.broker import keys, server
from autoconnect.broker.connection import Argument, Client
from autoconnect.broker.failures import log_failure
from autoconnect.broker.jobs import open_jobs, short_reason
from autoconnect.broker.keys import JobKeys
from autoconnect.errors import BrokerFull

#: Milliseconds for which a reported need holds: trying once more can take as long, if a sum is large.
_NEED_LIFE_MS = 60_000


@dataclass(frozen=True)
class OpenJob:
    """A job that has not ended. `waits_since` is in ms since 1970, None if it does not wait for memory."""

    id: str
    sequence: int
    max_cells: int | None
    waits_since: int | None


class Holding(NamedTuple):
    """What a job holds in Redis: a number of partials, and lines that are not yet mapped."""

    partials: int
    has_lines: bool


class Needs:
    """Reports the memory that jobs need to go on, because this process could not write something for lack of it."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._reported: set[str] = set()

    def report(self, job_id: str, error: BrokerFull) -> None:
        """Report that Redis refused something, if it is known when it has room for it."""
        if error.fits_below is not None:
            self._reported.add(job_id)
            arguments: list[Argument] = [job_id, error.fits_below, _NEED_LIFE_MS]
            self._client.run_script("report_need", [*keys.SHARED, keys.NEEDS], arguments)

    def end(self, job_id: str) -> None:
        """Report that it was written, or need not be, if something was reported before."""
        if job_id in self._reported:
            self._client.call("HDEL", keys.NEEDS, job_id)
            self._reported.remove(job_id)


def read_needs(client: Client) -> dict[str, int]:
    """By job: the use of memory below which what it could not write has room."""
    values = client.call("HGETALL", keys.NEEDS)
    now_ms = server.time_ms(client) if values else 0
    needs = {job_id.decode(): map(int, value.split()) for job_id, value in values.items()}
    return {job_id: fits_below for job_id, (until, fits_below) in needs.items() if until > now_ms}


def read_open_jobs(client: Client) -> list[OpenJob]:
    """All jobs that have not ended, in the order of their creation."""
    job_ids = open_jobs(client)
    fields = ["sequence", "max_cells", "waits_since"]
    values = client.call_many([["HMGET", JobKeys(job_id).job, *fields] for job_id in job_ids])
    found = [
        OpenJob(job_id, int(sequence), max_cells and int(max_cells), waits_since and int(waits_since))
        for job_id, (sequence, max_cells, waits_since) in zip(job_ids, values, strict=True)
        if sequence
    ]
    return sorted(found, key=lambda job: job.sequence)


def read_holdings(client: Client, job_ids: Sequence[str]) -> dict[str, Holding]:
    """What each job holds in Redis."""
    job_keys = [JobKeys(job_id) for job_id in job_ids]
    partials = client.call_many([["SCARD", each.partials] for each in job_keys])
    lines = client.call_many([["EXISTS", each.lines] for each in job_keys])
    return {
        each.id: Holding(count, bool(has_lines))
        for each, count, has_lines in zip(job_keys, partials, lines, strict=True)
    }


def wait_for_memory(client: Client, job_id: str) -> None:
    """Say that an open job waits for memory."""
    client.run_script("wait_for_memory", JobKeys(job_id).for_scripts(), [])


def stop_waiting(client: Client, job_id: str) -> None:
    """Say that a job no longer waits for memory."""
    client.run_script("stop_waiting", JobKeys(job_id).for_scripts(), [])


def fail_for_memory(client: Client, job_id: str, reason: str, least_wait_ms: int = 0) -> bool:
    """Fail an open job and drop its partials; False if it has ended, or has not waited for `least_wait_ms`."""
    reason = short_reason(reason)
    arguments: list[Argument] = [reason, least_wait_ms, keys.new_name()]
    failed = bool(client.run_script("fail_for_memory", JobKeys(job_id).for_scripts(), arguments))
    if failed:
        log_failure(job_id, reason)
    return failed
