"""Partials in Redis: committing, reading and compacting them."""

import secrets
from collections.abc import Iterator, Sequence

from autoconnect.broker import keys
from autoconnect.broker.batches import Claim, complete_claim
from autoconnect.broker.connection import Argument, Client
from autoconnect.broker.keys import BatchId, JobKeys
from autoconnect.core.partial import Partial, decode, encode, merge_partials
from autoconnect.errors import BrokerFull

#: Number of partials from which those of a running job are replaced by their sum.
COMPACT_PARTIALS = 16


def commit_batches(client: Client, worker: str, items: Sequence[BatchId], partial: Partial) -> bool:
    """Commit the partial of one or more batches of a plan: all of them count, or none does.

    False if one of them is done already, or if the job no longer runs this plan. Batches that still need doing then
    stay in the worker's claimed list.
    """
    counts, _ = _commit(client, worker, items, partial, claim_next=False)
    return counts


def commit_and_claim_next(
    client: Client, worker: str, items: Sequence[BatchId], partial: Partial
) -> tuple[bool, Claim | None]:
    """Do the same as `commit_batches`, and claim the next batch for the worker, if one is ready."""
    counts, reply = _commit(client, worker, items, partial, claim_next=True)
    try:
        return counts, complete_claim(client, worker, reply)
    except BrokerFull:  # the item stays in the claimed list
        return counts, None


def partial_names(client: Client, job_id: str) -> list[str]:
    """Names of all partials of a job that has no result yet."""
    return [name.decode() for name in client.call("SMEMBERS", JobKeys(job_id).partials)]


def read_partials(client: Client, names: Sequence[str]) -> Iterator[tuple[str, Partial]]:
    """Names and partials, each read only when it is needed, to save memory; partials that are gone are skipped.

    The script that writes their sum checks that all of them are still there.
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


def _commit(
    client: Client, worker: str, items: Sequence[BatchId], partial: Partial, *, claim_next: bool
) -> tuple[bool, Sequence[bytes] | None]:
    """Whether the commit counts, and the reply of `hand_out` in `prelude.lua`."""
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
    counts, reply = client.run_script("commit_batches", script_keys, arguments)
    return bool(counts), reply
