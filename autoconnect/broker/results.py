"""Partials and results in Redis: committing, compacting, finishing and reading them."""

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from autoconnect.broker import keys
from autoconnect.broker.batches import NextItem, parse_next_item
from autoconnect.broker.connection import Argument, Client
from autoconnect.broker.keys import BatchId, JobKeys
from autoconnect.core.partial import Partial, decode, encode, merge_partials
from autoconnect.models import JobStatus, RejectedRow

#: Number of partials at which those of a running job are replaced by their sum.
COMPACT_PARTIALS = 16


@dataclass(frozen=True)
class Outcome:
    """The end of a job whose batches are all done: completed, or failed for a reason."""

    status: JobStatus
    reason: str
    cube: Partial
    metrics: Mapping[str, str]
    rejects: Sequence[RejectedRow]


def commit_batches(client: Client, worker: str, items: Sequence[BatchId], partial: Partial) -> bool:
    """Commit the partial of one or more batches of a plan: all of them count, or none does.

    False if one of them is done already, or if the job no longer runs this plan. Batches that still need doing then
    stay in the worker's claimed list.
    """
    return _commit(client, worker, items, partial, claim_next=False)[0]


def commit_and_claim_next(
    client: Client, worker: str, items: Sequence[BatchId], partial: Partial
) -> tuple[bool, NextItem]:
    """Do the same as `commit_batches`, and also return the next item for the worker."""
    return _commit(client, worker, items, partial, claim_next=True)


def partial_names(client: Client, job_id: str) -> list[str]:
    """Names of all partials of a job that has no result yet."""
    return [name.decode() for name in client.call("SMEMBERS", JobKeys(job_id).partials)]


def read_partials(client: Client, names: Sequence[str]) -> Iterator[tuple[str, Partial]]:
    """Names and partials, each read when it is asked for, so that few are in memory; those that are gone are skipped.

    A script that writes their sum checks that every one of them is still there.
    """
    for name in names:
        if fields := client.call("HGETALL", name):
            yield name, decode(fields)


def read_sum(client: Client, job_id: str) -> Partial:
    """The sum of all partials of a job that has no result yet, read at one instant."""
    named_fields = client.run_script("read_partials", JobKeys(job_id).for_scripts(), [])
    return merge_partials(decode(dict(zip(fields[::2], fields[1::2], strict=True))) for _, fields in named_fields)


def compact_partials(client: Client, job_id: str, names: Sequence[str], merged: Partial) -> bool:
    """Replace partials by their sum; do nothing and return False if one of them is gone."""
    job_keys = JobKeys(job_id)
    fields = [item for pair in encode(merged).items() for item in pair]
    sum_key = job_keys.partial(f"sum.{secrets.token_hex(8)}")
    script_keys = [*job_keys.for_scripts(), sum_key]
    return bool(client.run_script("compact_partials", script_keys, [len(names), *names, *fields]))


def finish_job(client: Client, job_id: str, names: Sequence[str], outcome: Outcome) -> bool:
    """Turn all partials of a job into its result; False if `names` are no longer the names of all its partials."""
    lists: list[Sequence[Argument]] = [
        names,
        [item for pair in encode(outcome.cube).items() for item in pair],
        [item for pair in outcome.metrics.items() for item in pair],
        [reject.model_dump_json() for reject in outcome.rejects],
    ]
    arguments = [argument for items in lists for argument in (len(items), *items)]
    script_keys = [*JobKeys(job_id).for_scripts(), keys.PUBLISHED]
    return bool(client.run_script("finish_job", script_keys, [job_id, outcome.status, outcome.reason, *arguments]))


def read_cube(client: Client, job_id: str) -> Partial | None:
    """The cube of a job, None if it has none."""
    fields = client.call("HGETALL", JobKeys(job_id).cube)
    return decode(fields) if fields else None


def read_metric(client: Client, job_id: str, name: str) -> bytes | None:
    """A metric's unfiltered table as JSON, None if the job has no result."""
    table: bytes | None = client.call("HGET", JobKeys(job_id).metrics, name)
    return table


def read_rejects(client: Client, job_id: str, start: int, count: int) -> list[RejectedRow]:
    """Up to `count` rejected rows of a job, in the order of their lines, from number `start` on."""
    rows = client.call("LRANGE", JobKeys(job_id).rejects, start, start + count - 1)
    return [RejectedRow(**json.loads(row)) for row in rows]


def _commit(
    client: Client, worker: str, items: Sequence[BatchId], partial: Partial, *, claim_next: bool
) -> tuple[bool, NextItem]:
    first = items[0]
    job_keys = JobKeys(first.job)
    # No other commit uses this name, so the partial of a name never changes.
    partial_key = job_keys.partial(f"{first.generation}.{first.batch}.{secrets.token_hex(8)}")
    script_keys = [*job_keys.for_scripts(), keys.claimed(worker), partial_key]
    rows = [partial.rows_accepted, partial.rows_rejected]
    lists: list[Sequence[Argument]] = [
        [item.batch for item in items],
        [item for pair in partial.rejected.items() for item in pair],
        [item for pair in encode(partial).items() for item in pair],
    ]
    arguments: list[Argument] = [first.job, first.generation, worker, int(claim_next), *rows]
    arguments += [argument for values in lists for argument in (len(values), *values)]
    counted, next_item = client.run_script("commit_batches", script_keys, arguments)
    return bool(counted), parse_next_item(next_item)
