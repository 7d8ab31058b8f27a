"""What must hold: while jobs run, when one has ended, and when all is quiet."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import simplejson

from autoconnect.broker import keys, results
from autoconnect.broker.connection import Client
from autoconnect.broker.keys import JobKeys
from autoconnect.models import Job
from tests.chaos.sources import Source
from tests.leftovers import kept_for_good

_REJECTS_KEPT = 10_000


def misplaced_batches(client: Client, job_id: str) -> list[str]:
    """Batches of a running job that are in no list or in two, looked for at one instant."""
    names = JobKeys(job_id)
    script_keys = [names.job, names.batches, names.waiting, keys.READY, keys.WORKERS]
    found = client.call("EVAL", _places(), len(script_keys), *script_keys, job_id)
    return [f"{job_id}: {text.decode()}" for text in found]


def wrong_result(client: Client, job: Job, source: Source) -> list[str]:
    """In what a completed job differs from the oracle."""
    found = {
        "rows": job.rows.model_dump(),
        "reasons": job.rejected_by_reason,
        "bytes": job.bytes.done,
        "batches": job.batches.done,
        "dead": job.batches.dead,
        "rejects": [(row.line, row.reason) for row in results.read_rejects(client, job.id, 0, _REJECTS_KEPT)],
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
        f"{job.id} of {source.name}: {what} is {str(found[what])[:300]}, expected {str(expected[what])[:300]}"
        for what in expected
        if found[what] != expected[what]
    ]


def leftovers(client: Client) -> list[str]:
    """What should not be there when all jobs have ended."""
    return [*_full_lists(client), *(f"{name} has no life time" for name in kept_for_good(client))]


def miscounts(counted: Mapping[str, int], seen: Mapping[str, int]) -> list[str]:
    """In what the counters differ from the jobs that were seen to end, and their batches."""
    wrong = [
        f"counter jobs_{status} is {counted[f'jobs_{status}']}, expected {seen[status]}"
        for status in ("completed", "failed", "cancelled")
        if counted[f"jobs_{status}"] != seen[status]
    ]
    if counted["batches_done"] < seen["batches"]:  # what was done before a job was planned anew counts, too
        wrong.append(f"counter batches_done is {counted['batches_done']}, expected at least {seen['batches']}")
    return wrong


def _metric(client: Client, job_id: str, name: str) -> object:
    table = results.read_metric(client, job_id, name)
    return simplejson.loads(table, use_decimal=True)["rows"] if table else None


def _full_lists(client: Client) -> list[str]:
    """What is in lists, but for batches of jobs that have ended: those are dropped when somebody claims them."""
    names = [keys.ACTIVE, keys.READY, *(name.decode() for name in client.call("KEYS", "*:claimed"))]
    found = {name: client.call("LRANGE", name, 0, -1) for name in names}
    return [f"{name} has {items[:5]}" for name, items in found.items() if items]


@cache
def _places() -> str:
    return (Path(__file__).parent / "places.lua").read_text()
