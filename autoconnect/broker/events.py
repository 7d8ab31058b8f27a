"""Which jobs have changed: one process reads it for all its clients, over one connection.

Every script that changes a job adds an entry to the job's stream. The entry says that the job has changed; what the job
is now is read from the job itself.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from autoconnect.broker import keys
from autoconnect.broker.connection import Argument, Client
from autoconnect.broker.jobs import read_jobs
from autoconnect.broker.keys import JobKeys
from autoconnect.models import Job

#: The newest jobs, which are followed even after their end.
FOLLOWED_JOBS = 100
#: Jobs that are read in one round trip.
_READ_AT_ONCE = 100
#: The id of a job whose stream has expired.
_NO_ENTRY = "0-0"


class JobEvent(NamedTuple):
    """A job, and the id of the newest entry of its stream: a time in ms and a number, such as `1764381600123-0`.

    The job is never older than the entry.
    """

    id: str
    job: Job


class Changes(NamedTuple):
    """What has changed since the look before."""

    #: In the order of their ids.
    events: list[JobEvent]
    #: Ids of jobs that no longer exist.
    gone: list[str]
    #: Ids of jobs that exist, and are no longer followed.
    dropped: list[str]
    #: The time of Redis in ms since 1970, from before the look.
    now_ms: int
    #: Whether all jobs are followed.
    is_complete: bool


class Follower:
    """Follows the open jobs, the newest ones, the published one, and those that are asked for. Not for several threads.

    It reads an entry again only if Redis may have come back in an earlier state (`start_over`).
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._newest: dict[str, str] = {}
        self._open: set[str] = set()
        self._must_read_all = False

    def start_over(self) -> None:
        """Compare all jobs in the next look: entries that were read may no longer exist."""
        self._must_read_all = True

    def look(self, watched: Iterable[str] = ()) -> Changes:
        """What has changed since the last look; in the first one, all jobs that are followed.

        Raises BrokerUnavailable.
        """
        time, open_jobs, newest, published = self._client.read_together(
            [
                ["TIME"],
                ["SMEMBERS", keys.OPEN],
                ["ZRANGE", keys.JOBS, 0, FOLLOWED_JOBS, "REV"],
                ["HGET", keys.PUBLISHED, "job"],
            ]
        )
        is_open = {job_id.decode() for job_id in open_jobs}
        followed = {keys.job_keys(name.decode()).id for name in newest[:FOLLOWED_JOBS]} | is_open | self._open
        followed.update(watched, [published.decode()] if published else [])
        entries = self._read_changed(followed, self._open - is_open)
        jobs = self._read_jobs(sorted(entries))
        surplus = self._read_existing(sorted(self._newest.keys() - followed))
        # All has been read: from here on, nothing fails.
        gone = [job_id for job_id in entries if job_id not in jobs and job_id in self._newest]
        gone += [job_id for job_id, exists in surplus.items() if not exists]
        self._newest |= {job_id: entries[job_id] for job_id in jobs}
        for job_id in (*gone, *(surplus.keys() - gone)):
            del self._newest[job_id]
        self._open, self._must_read_all = is_open, False
        return Changes(
            events=sorted((JobEvent(entries[each], job) for each, job in jobs.items()), key=lambda e: parse_id(e.id)),
            gone=gone,
            dropped=sorted(surplus.keys() - gone),
            now_ms=int(time[0]) * 1_000 + int(time[1]) // 1_000,
            is_complete=len(newest) <= FOLLOWED_JOBS,
        )

    def _read_changed(self, followed: set[str], closed: set[str]) -> dict[str, str]:
        """The newest entries of the jobs that may have changed; `closed` ones are among them in any case."""
        known: set[str] = set() if self._must_read_all else self._newest.keys() & followed - closed
        found = self._read_entries(sorted(known)) | self._read_newest(sorted(followed - known))
        return {each: entry for each, entry in found.items() if self._newest.get(each) != entry or each in closed}

    def _read_existing(self, job_ids: Sequence[str]) -> dict[str, bool]:
        if not job_ids:
            return {}
        exist = self._client.call_many([["EXISTS", JobKeys(job_id).job] for job_id in job_ids])
        return dict(zip(job_ids, map(bool, exist), strict=True))

    def _read_entries(self, job_ids: Sequence[str]) -> dict[str, str]:
        """The newest entries of streams to which some were added after the last look."""
        if not job_ids:
            return {}
        streams: list[Argument] = [JobKeys(job_id).events for job_id in job_ids]
        after: list[Argument] = [self._newest[job_id] for job_id in job_ids]
        found = self._client.call("XREAD", "STREAMS", *streams, *after) or []
        return {keys.job_keys(name.decode()).id: entries[-1][0].decode() for name, entries in found}

    def _read_newest(self, job_ids: Sequence[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for part in _parts(job_ids):
            found.update(zip(part, _newest_entries(self._client, part), strict=True))
        return found

    def _read_jobs(self, job_ids: Sequence[str]) -> dict[str, Job]:
        return {job.id: job for part in _parts(job_ids) for job in read_jobs(self._client, part)}


def read_event(client: Client, job_id: str) -> JobEvent | None:
    """A job as it is now, None if it does not exist."""
    if ":" in job_id:  # it would name another key of a job
        return None
    entry = _newest_entries(client, [job_id])[0]
    return next((JobEvent(entry, job) for job in read_jobs(client, [job_id])), None)


def parse_id(entry: str) -> tuple[int, int]:
    """The time in ms and the number of an entry.

    Raises ValueError if it is not the id of an entry.
    """
    time_ms, _, number = entry.partition("-")
    return int(time_ms), int(number)


def _newest_entries(client: Client, job_ids: Sequence[str]) -> list[str]:
    replies = client.call_many([["XREVRANGE", JobKeys(job_id).events, "+", "-", "COUNT", 1] for job_id in job_ids])
    return [entries[0][0].decode() if entries else _NO_ENTRY for entries in replies]


def _parts(job_ids: Sequence[str]) -> list[Sequence[str]]:
    return [job_ids[start : start + _READ_AT_ONCE] for start in range(0, len(job_ids), _READ_AT_ONCE)]
