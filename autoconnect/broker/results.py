"""Partials and results in Redis."""

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from autoconnect.broker import keys
from autoconnect.broker.batches import Handed, read_handed
from autoconnect.broker.connection import Argument, Client
from autoconnect.broker.keys import BatchId, JobKeys
from autoconnect.core.partial import Partial, decode, encode, merge_partials
from autoconnect.models import JobStatus, RejectedRow

#: So many partials of a running job give way to their sum.
COMPACT_PARTIALS = 16


@dataclass(frozen=True)
class Outcome:
    """How a job ends whose batches are all done: completed, or failed with a reason."""

    status: JobStatus
    reason: str
    cube: Partial
    metrics: Mapping[str, str]
    rejects: Sequence[RejectedRow]


def commit_batches(client: Client, worker: str, items: Sequence[BatchId], partial: Partial) -> bool:
    """Writes the partial of some batches of a plan, which all count by that or none of them.

    False where another commit of one of them was first, or the job does not run this plan any more. What of the others
    is still to do stays in the worker's claimed list.
    """
    return _commit(client, worker, items, partial, wants_more=False)[0]


def commit_and_take(client: Client, worker: str, items: Sequence[BatchId], partial: Partial) -> tuple[bool, Handed]:
    """As `commit_batches`; also returns what the worker is handed next, if there is something."""
    return _commit(client, worker, items, partial, wants_more=True)


def partial_names(client: Client, job_id: str) -> list[str]:
    """Names of all partials of a job that are not yet its result."""
    return [name.decode() for name in client.call("SMEMBERS", JobKeys(job_id).partials)]


def read_partials(client: Client, names: Sequence[str]) -> Iterator[tuple[str, Partial]]:
    """Names and partials, each when it is asked for, so that few are in memory; those that are gone are left out.

    Whoever writes their sum says which they were, and it does not count where one of them is gone.
    """
    for name in names:
        if fields := client.call("HGETALL", name):
            yield name, decode(fields)


def read_sum(client: Client, job_id: str) -> Partial:
    """The sum of all partials of a job, at one instant, that are not yet its result."""
    found = client.run_script("read_partials", JobKeys(job_id).for_scripts(), [])
    return merge_partials(decode(dict(zip(fields[::2], fields[1::2], strict=True))) for _, fields in found)


def compact_partials(client: Client, job_id: str, names: Sequence[str], merged: Partial) -> bool:
    """Replaces partials by their sum; False where one of them is not there any more, and nothing is done."""
    job = JobKeys(job_id)
    fields = [item for pair in encode(merged).items() for item in pair]
    sum_key = job.partial(f"sum.{secrets.token_hex(8)}")
    return bool(client.run_script("compact_partials", [*job.for_scripts(), sum_key], [len(names), *names, *fields]))


def finish_job(client: Client, job_id: str, names: Sequence[str], outcome: Outcome) -> bool:
    """Turns all partials of a job into its result; False where they are not these any more."""
    lists: list[Sequence[Argument]] = [
        names,
        [item for pair in encode(outcome.cube).items() for item in pair],
        [item for pair in outcome.metrics.items() for item in pair],
        [reject.model_dump_json() for reject in outcome.rejects],
    ]
    arguments = [item for items in lists for item in (len(items), *items)]
    script_keys = [*JobKeys(job_id).for_scripts(), keys.PUBLISHED]
    return bool(client.run_script("finish_job", script_keys, [job_id, outcome.status, outcome.reason, *arguments]))


def read_cube(client: Client, job_id: str) -> Partial | None:
    """The cube of a job, None where it has none."""
    fields = client.call("HGETALL", JobKeys(job_id).cube)
    return decode(fields) if fields else None


def read_metric(client: Client, job_id: str, name: str) -> bytes | None:
    """A metric's unfiltered table as JSON, None where the job has no result."""
    table: bytes | None = client.call("HGET", JobKeys(job_id).metrics, name)
    return table


def read_rejects(client: Client, job_id: str, start: int, count: int) -> list[RejectedRow]:
    """Rejected rows by position, from number `start`."""
    rows = client.call("LRANGE", JobKeys(job_id).rejects, start, start + count - 1)
    return [RejectedRow(**json.loads(row)) for row in rows]


def _commit(
    client: Client, worker: str, items: Sequence[BatchId], partial: Partial, *, wants_more: bool
) -> tuple[bool, Handed]:
    first = items[0]
    names = JobKeys(first.job)
    reasons = [item for pair in partial.rejected.items() for item in pair]
    fields = [item for pair in encode(partial).items() for item in pair]
    about: list[Argument] = [first.job, first.generation, worker, int(wants_more)]
    about += [partial.rows_accepted, partial.rows_rejected]
    lists: list[Sequence[Argument]] = [[item.batch for item in items], reasons, fields]
    arguments = [argument for some in lists for argument in (len(some), *some)]
    # No other commit uses this name: whoever has read a partial knows what its name stands for.
    partial_key = names.partial(f"{first.generation}.{first.batch}.{secrets.token_hex(8)}")
    script_keys = [*names.for_scripts(), keys.claimed(worker), partial_key]
    counted, handed = client.run_script("commit_batches", script_keys, [*about, *arguments])
    return bool(counted), read_handed(handed)
