"""Checks of a running job, of the result of one that has ended, and of Redis when all jobs have ended."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from autoconnect.broker import keys, results
from autoconnect.broker.connection import Client
from autoconnect.broker.keys import JobKeys
from autoconnect.models import Job
from tests.chaos.sources import Source
from tests.leftovers import leaked_keys

_REJECTS_KEPT = 10_000


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
    """Lists that are not empty and keys without a life time: there must be none when all jobs have ended."""
    return [*_full_lists(client), *(f"{name} has no life time" for name in leaked_keys(client))]


def miscounts(counted: Mapping[str, int], ended: Mapping[str, int]) -> list[str]:
    """The differences of the counters from the jobs that were seen to end, by status, and from their done batches."""
    wrong = [
        f"counter jobs_{status} is {counted[f'jobs_{status}']}, expected {ended[status]}"
        for status in ("completed", "failed", "cancelled")
        if counted[f"jobs_{status}"] != ended[status]
    ]
    if counted["batches_done"] < ended["batches"]:  # batches done before a job was replanned count, too
        wrong.append(f"counter batches_done is {counted['batches_done']}, expected at least {ended['batches']}")
    return wrong


def _metric(client: Client, job_id: str, name: str) -> object:
    table = results.read_metric(client, job_id, name)
    return table.rows if table else None


def _full_lists(client: Client) -> list[str]:
    """Lists that are not empty; workers soon drop the items of ended jobs."""
    names = [keys.ACTIVE, keys.READY, *(name.decode() for name in client.call("KEYS", "*:claimed"))]
    lists = {name: client.call("LRANGE", name, 0, -1) for name in names}
    return [f"{name} has {items[:5]}" for name, items in lists.items() if items]


@cache
def _script() -> str:
    return (Path(__file__).parent / "places.lua").read_text()
