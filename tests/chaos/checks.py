"""Checks of a running job, of the result of one that has ended, and of Redis when all jobs have ended."""

import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from autoconnect.broker import jobs, keys, results
from autoconnect.broker.connection import Client
from autoconnect.broker.keys import JobKeys
from autoconnect.models import Job
from tests.chaos.sources import Source
from tests.leftovers import leaked_keys

_REJECTS_KEPT = 10_000
#: Seconds for which something may remain.
_REMAINS_S = 90.0


def misplaced_batches(client: Client, job_id: str) -> list[str]:
    """Batches of a running job that are in no list or in two, at one instant."""
    names = JobKeys(job_id)
    script_keys = [names.job, names.batches, names.waiting, keys.READY, keys.WORKERS]
    complaints = client.call("EVAL", _script(), len(script_keys), *script_keys, job_id, keys.heartbeat(""))
    return [f"{job_id}: {complaint.decode()}" for complaint in complaints]


def wrong_result(client: Client, job: Job, source: Source) -> list[str]:
    """The differences of a completed job's result from the oracle's."""
    actual = {
        "rows": job.rows.model_dump(),
        "reasons": job.rejected_by_reason,
        "bytes": job.bytes.done,
        "batches": job.batches.done,
        "dead": job.batches.dead,
        "rejects": [
            (row["line"], row["reason"]) for row in results.read_rejects(client, job.id, 0, _REJECTS_KEPT).rows
        ],
        **{name: _metric(client, job.id, name) for name in source.metrics},
    }
    rejected = len(source.rejects)
    expected = {
        "rows": {"read": source.rows_read, "accepted": source.rows_read - rejected, "rejected": rejected},
        "reasons": source.rejected_by_reason,
        "bytes": job.bytes.total,
        "batches": job.batches.total,
        "dead": 0,
        "rejects": source.rejects[:_REJECTS_KEPT],
        **source.metrics,
    }
    return [
        f"{job.id} of {source.name}: {name} is {str(actual[name])[:300]}, expected {str(expected[name])[:300]}"
        for name in expected
        if actual[name] != expected[name]
    ]


def leftovers(client: Client) -> list[str]:
    """Lists that are not empty, open jobs and keys without a life time: there are none when all jobs have ended."""
    open_jobs = [f"{job_id} is open" for job_id in jobs.open_jobs(client)]
    return [*_full_lists(client), *open_jobs, *(f"{name} has no life time" for name in leaked_keys(client))]


class Remains:
    """What nothing needs any more when all jobs have ended; it may stay for a while, until something removes it."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def complaints(self, client: Client) -> list[str]:
        """What has been needless for too long; call this at each rest."""
        now, remains = time.monotonic(), [*_empty_entries(client), *_staged(client)]
        self._since = {what: self._since.get(what, now) for what in remains}
        ages_s = {what: now - since for what, since in self._since.items()}
        return [f"{what}, since {age_s:.0f} s" for what, age_s in ages_s.items() if age_s > _REMAINS_S]


def _empty_entries(client: Client) -> list[str]:
    """Entries of indexes that name what is gone."""
    entries = [
        *((keys.ENDED, job_id, [JobKeys(job_id).job]) for job_id in _members(client, keys.ENDED)),
        *((keys.RESULTS, id_, [JobKeys(id_).cube, JobKeys(id_).rejects]) for id_ in _members(client, keys.RESULTS)),
        *((keys.RETAINED, job_id, [JobKeys(job_id).partials]) for job_id in _members(client, keys.RETAINED)),
        *((keys.STAGING, name, [name]) for name in _members(client, keys.STAGING)),
    ]
    counts = client.call_many([["EXISTS", *names] for _, _, names in entries])
    counted = zip(entries, counts, strict=True)
    return [f"{index} has {member}, which is gone" for (index, member, _), count in counted if not count]


def _staged(client: Client) -> list[str]:
    """Partials, and what is staged: a completed or cancelled job has neither."""
    names = [name.decode() for kind in ("partial", "staged") for name in client.call("KEYS", f"*:{kind}:*")]
    return [f"{name} is there" for name in names]


def _members(client: Client, index: str) -> list[str]:
    return [member.decode() for member in client.call("ZRANGE", index, 0, -1)]


def miscounts(counted: Mapping[str, int], ended: Mapping[str, int], unseen: int) -> list[str]:
    """The differences of the counters from the jobs that were seen to end, by status, and from their done batches.

    Up to `unseen` more jobs may have ended.
    """
    wrong = [
        f"counter jobs_{status} is {counted[f'jobs_{status}']}, expected {ended[status]} and up to {unseen} more"
        for status in ("completed", "failed", "cancelled")
        if not 0 <= counted[f"jobs_{status}"] - ended[status] <= unseen
    ]
    if counted["batches_done"] < ended["batches"]:  # batches done before a job was replanned count, too
        wrong.append(f"counter batches_done is {counted['batches_done']}, expected at least {ended['batches']}")
    return wrong


def _metric(client: Client, job_id: str, name: str) -> object:
    table = results.read_metric(client, job_id, name)
    return table.rows if table else None


def _full_lists(client: Client) -> list[str]:
    """Lists that are not empty; workers soon drop the items of ended jobs."""
    names = [keys.READY, *(name.decode() for name in client.call("KEYS", "*:claimed"))]
    lists = {name: client.call("LRANGE", name, 0, -1) for name in names}
    lists[keys.TURNS] = client.call("ZRANGE", keys.TURNS, 0, -1)
    return [f"{name} has {items[:5]}" for name, items in lists.items() if items]


@cache
def _script() -> str:
    return (Path(__file__).parent / "places.lua").read_text()
