"""Partials in Redis: committing, reading and compacting them."""

from collections.abc import Iterable, Iterator, Sequence

from autoconnect.broker import keys, server, staging
from autoconnect.broker.batches import Claim, complete_claim
from autoconnect.broker.connection import Argument, Client
from autoconnect.broker.keys import BatchId, JobKeys
from autoconnect.broker.server import Share
from autoconnect.broker.staging import Fields
from autoconnect.core.partial import Partial, decode, encode, merge_partials
from autoconnect.errors import BrokerFull, BrokerUnavailable, CubeError

#: Number of partials from which those of a running job are replaced by their sum.
COMPACT_PARTIALS = 16
#: Number of times that a partial is staged or read as a whole, since Redis may restart meanwhile.
_ATTEMPTS = 3
#: Number of times that all partials are read again because one of them was compacted meanwhile.
_READ_ATTEMPTS = 10


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
        partial = read_partial(client, name)
        if partial is not None:
            yield name, partial


def read_partial(client: Client, key: str) -> Partial | None:
    """The partial or the cube at a key, None if it is gone; raises CubeError if it is damaged."""
    attempts = 0
    while fields := staging.read_fields(client, key):
        try:
            return decode(fields)
        except CubeError:  # something else may have taken its place while it was read in pieces
            attempts += 1
            if attempts == _ATTEMPTS:
                raise
    return None


def read_sum(client: Client, job_id: str) -> Partial:
    """The sum of all partials of a job that has no result yet, as they were at one instant.

    Raises BrokerUnavailable if partials keep changing while they are read.
    """
    for _ in range(_READ_ATTEMPTS):
        names = partial_names(client, job_id)
        named_partials = dict(read_partials(client, names))
        if len(named_partials) == len(names):
            return merge_partials(named_partials.values())
    raise BrokerUnavailable(f"The partials of job {job_id} change faster than they can be read; try again.")


def bytes_of(names: Iterable[str]) -> int:
    """The bytes of partials, which end their names."""
    return sum(map(keys.size_in, names))


def compact_partials(client: Client, job_id: str, names: Sequence[str], merged: Partial) -> str | None:
    """Replace partials by their sum and return its name; do nothing and return None if one of them is gone.

    Raises BrokerFull if Redis has no room for the sum.
    """
    job_keys = JobKeys(job_id)
    pieces = staging.cut(encode(merged))
    sum_key = job_keys.partial(f"sum.{keys.new_name()}.{staging.size_of(pieces)}")
    staging.stage_hash(client, sum_key, pieces, Share.STAGE)
    script_keys = [*job_keys.for_scripts(), sum_key]
    if client.run_script("compact_partials", script_keys, [len(pieces), *names]):
        return sum_key
    staging.unstage(client, job_id, [sum_key])
    return None


def _commit(
    client: Client, worker: str, items: Sequence[BatchId], partial: Partial, *, claim_next: bool
) -> tuple[bool, Sequence[bytes] | None]:
    """Whether the commit counts, and the reply of `hand_out` in `prelude.lua`."""
    pieces = staging.cut(encode(partial))
    for _ in range(_ATTEMPTS):
        counts, reply = _commit_pieces(client, worker, items, partial, pieces, claim_next=claim_next)
        if counts >= 0:
            return bool(counts), reply
    raise BrokerUnavailable("Redis keeps losing what is staged; the batches stay claimed.")


def _commit_pieces(
    client: Client, worker: str, items: Sequence[BatchId], partial: Partial, pieces: Fields, *, claim_next: bool
) -> tuple[int, Sequence[bytes] | None]:
    """Commit a partial whose pieces are staged first if they are too large for one call; -1 if some were lost."""
    first, job_keys, size = items[0], JobKeys(items[0].job), staging.size_of(pieces)
    # No other commit uses this name, so the partial of a name never changes.
    partial_key = job_keys.partial(f"{first.generation}.{first.batch}.{keys.new_name()}.{size}")
    is_staged = size > staging.MAX_ARGUMENT_BYTES
    if is_staged:
        staging.stage_hash(client, partial_key, pieces, Share.COMMIT)
    elif size > staging.UNASKED_BYTES:
        server.ensure_room(client, size, Share.COMMIT)
    lists: list[Sequence[Argument]] = [
        [item.batch for item in items],
        [item for pair in partial.rejected.items() for item in pair],
        [] if is_staged else [item for pair in pieces.items() for item in pair],
    ]
    rows = [partial.rows_accepted, partial.rows_rejected]
    arguments: list[Argument] = [first.job, first.generation, worker, int(claim_next), *rows, len(pieces)]
    arguments += [argument for values in lists for argument in (len(values), *values)]
    script_keys = [*job_keys.for_scripts(), keys.claimed(worker), partial_key]
    try:
        counts, reply = client.run_script("commit_batches", script_keys, arguments)
    except BrokerFull:
        if is_staged:
            staging.unstage(client, first.job, [partial_key])
        raise
    return int(counts), reply
