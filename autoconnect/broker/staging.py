"""Values too large for one script: staged in pieces under a name that is never used again.

A staged key has a life time and is named nowhere else. A small script checks that no piece is missing, and makes the
key count in the same step.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice

from autoconnect.broker import keys, server
from autoconnect.broker.connection import Client
from autoconnect.broker.keys import JobKeys
from autoconnect.broker.server import Share
from autoconnect.errors import BrokerFull

#: Bytes of values above which they are staged. A script's arguments use memory twice before Redis checks whether it has
#: any, so they are limited; the difference is for keys, ids and numbers.
MAX_ARGUMENT_BYTES = server.MAX_SCRIPT_BYTES - (64 << 10)
#: Bytes up to which a partial or a result is written without asking whether Redis has room, to save a call.
UNASKED_BYTES = 32 << 10
#: Bytes above which the value of a field is cut: with its header, a piece just fits a block of 128 KiB of Redis'
#: allocator. The next larger block has 160 KiB.
_PIECE_BYTES = (128 << 10) - 64
#: Bytes above which the name of a field is cut, too: a city's name may be as long as a record.
_NAME_BYTES = 1 << 10
#: Items of one call; Lua unpacks 8,000 at most.
_CALL_ITEMS = 4_000
#: Milliseconds after its last piece for which a staged key lives.
LIFE_MS = 600_000
#: Fields that one call reads, as a hint to the server: 8 MiB if all of them are pieces.
_SCAN_FIELDS = 64

Fields = Mapping[bytes, bytes]


def size_of(items: Sequence[bytes | str] | Fields) -> int:
    """The bytes of items, or of names and values."""
    if isinstance(items, Mapping):
        return sum(len(name) + len(value) for name, value in items.items())
    return sum(len(item.encode() if isinstance(item, str) else item) for item in items)


def cut(fields: Fields) -> dict[bytes, bytes]:
    """Cut long values: the field `name` becomes `0/name`, `1/name` and so on. Names must begin with a letter.

    The first field, if its name is long, becomes `=0`, and its name the value of a field `#0`.
    """
    pieces: dict[bytes, bytes] = {}
    for index, (name, value) in enumerate(fields.items()):
        if len(name) <= _NAME_BYTES:
            pieces |= _cut(name, value)
        else:
            pieces |= _cut(b"#%d" % index, name) | _cut(b"=%d" % index, value)
    return pieces


def join(pieces: Fields) -> dict[bytes, bytes]:
    """The fields that `cut` has cut; if a piece is missing, a field is left out, or its name or its value is wrong."""
    fields: dict[bytes, bytes] = {}
    numbered: dict[bytes, dict[int, bytes]] = {}
    for name, value in pieces.items():
        if name[:1].isdigit():
            number, _, field = name.partition(b"/")
            numbered.setdefault(field, {})[int(number)] = value
        else:
            fields[name] = value
    for field, values in numbered.items():
        fields[field] = b"".join(values[number] for number in sorted(values))
    long_names = {b"=" + name[1:]: fields.pop(name) for name in list(fields) if name[:1] == b"#"}
    return {long_names.get(name, name): value for name, value in fields.items()}


def read_fields(client: Client, key: str) -> dict[bytes, bytes]:
    """The fields of a hash that does not change, read a few at a time to spare the server's memory, and joined.

    None of them if the hash is gone.
    """
    while True:
        pieces: dict[bytes, bytes] = {}
        calls, cursor = 0, 0
        while calls == 0 or cursor:
            cursor, some = client.call("HSCAN", key, cursor, "COUNT", _SCAN_FIELDS)
            pieces.update(some)
            calls, cursor = calls + 1, int(cursor)
        # A server that restarts between two calls forgets where the first one ended; and the hash may be gone by now.
        if calls == 1 or len(pieces) == int(client.call("HLEN", key)):
            return join(pieces)


@contextmanager
def all_or_nothing(client: Client, staged_keys: Sequence[str], size: int, share: Share) -> Iterator[None]:
    """Stage keys of `size` bytes together, or none of them.

    Raises BrokerFull, and removes what was staged, if that share of the memory of Redis has no room.
    """
    memory = server.ensure_room(client, size, share)
    try:
        yield
    except BrokerFull as error:
        unstage(client, keys.job_keys(staged_keys[0]).id, staged_keys)
        # Redis needs more than `size` bytes for them. How much more is not known, so ask for a little each time.
        raise BrokerFull(str(error), fits_below=max(memory.used - MAX_ARGUMENT_BYTES, 1)) from error


def stage_hash(client: Client, key: str, pieces: Fields, share: Share) -> None:
    """Stage a hash, which the caller has cut; raises BrokerFull as `all_or_nothing` does."""
    _stage(client, key, "hash", [item for pair in pieces.items() for item in pair], share)


def stage_list(client: Client, key: str, items: Sequence[bytes], share: Share) -> None:
    """Stage a list; raises BrokerFull as `all_or_nothing` does."""
    _stage(client, key, "list", items, share)


def unstage(client: Client, job_id: str, staged_keys: Sequence[str]) -> None:
    """Remove staged keys, unless they count already."""
    client.run_script("unstage", JobKeys(job_id).for_scripts(), list(staged_keys))


def _stage(client: Client, key: str, kind: str, items: Sequence[bytes], share: Share) -> None:
    with all_or_nothing(client, [key], size_of(items), share):
        start = 0
        for chunk in _chunks(items):
            if start:
                server.ensure_room(client, size_of(chunk), share)
            client.run_script("stage_pieces", [*keys.SHARED, key], [kind, start, LIFE_MS, *chunk])
            start += len(chunk)


def _cut(name: bytes, value: bytes) -> dict[bytes, bytes]:
    if len(value) <= _PIECE_BYTES:
        return {name: value}
    starts = range(0, len(value), _PIECE_BYTES)
    return {b"%d/%s" % (number, name): value[start : start + _PIECE_BYTES] for number, start in enumerate(starts)}


def _chunks(items: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Items in groups of one call each: an even number, so that names stay with their values."""
    remaining = iter(items)
    chunk: list[bytes] = []
    size = 0
    while pair := list(islice(remaining, 2)):
        size += size_of(pair)
        if chunk and (size > MAX_ARGUMENT_BYTES or len(chunk) >= _CALL_ITEMS):
            yield chunk
            chunk, size = [], size_of(pair)
        chunk += pair
    if chunk:
        yield chunk
