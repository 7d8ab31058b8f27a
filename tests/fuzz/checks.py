"""What must be true of any input: each check raises AssertionError where it is not."""

from collections.abc import Callable
from itertools import pairwise
from random import Random

from autoconnect.core.layout import HEAD_BYTES, Layout, sniff
from autoconnect.core.mapper import map_batch
from autoconnect.core.partial import Partial, decode, encode, file_lines, merge_partials
from autoconnect.core.records import MAX_RECORD_BYTES, Record, ahead_bytes, split_records
from autoconnect.core.schema import REASONS
from autoconnect.core.splits import ByteRange, RecordScan, cut, cut_at_records
from autoconnect.errors import AutoConnectError, CubeError, RecordCrossesBatch, SourceError
from tests.fuzz.mutations import Input
from tests.unit.batches import by_kernel
from tests.unit.texts import plain_records

#: Limits of a record, and sizes of what is read at a time, that small inputs can reach.
LIMITS = (MAX_RECORD_BYTES, 200, 60, 10)
BLOCKS = (1 << 16, 1_000, 300, 64)


def check(given: Input, random: Random, *, with_mappers: bool) -> None:
    """Holds one input to all rules; mapping takes most of the time, and is done only if asked for."""
    check_sniffer(given.file)
    limit = random.choice(LIMITS)
    check_records(given.rows, limit)
    ranges = check_cuts(given.rows, given.layout.delimiter, limit, random)
    if with_mappers:
        partial = check_mappers(given.rows, given.layout, ranges, limit, random.choice(BLOCKS))
        check_partial(partial, random)
        check_any_edge(given.rows, given.layout, limit, random)


def check_sniffer(file: bytes) -> None:
    """A layout fits the file that it was judged from, or one sentence says why there is none."""
    try:
        layout = sniff(file[:HEAD_BYTES], [])
    except SourceError as error:
        check_sentence(error)
        return
    assert layout.data_start == len(file) or file[layout.data_start - 1] == ord("\n")
    assert layout.header_lines == file.count(b"\n", 0, layout.data_start)
    assert len(set(layout.positions.values())) == len(layout.positions)
    assert set(layout.positions.values()) <= set(range(layout.fields))
    assert Layout.from_json(layout.to_json()) == layout


def check_sentence(error: AutoConnectError) -> None:
    """It can be told to a user in a line."""
    sentence = str(error)
    assert sentence.isprintable(), sentence
    assert 10 < len(sentence) < 600, sentence


def check_records(rows: bytes, limit: int) -> None:
    """Records are those that a walk over all characters finds."""
    text = rows.decode("ascii", "replace").replace("\ufffd", "?")
    assert list(split_records(text.encode(), b"", ",", limit)) == plain_records(text, limit)


def check_cuts(rows: bytes, delimiter: str, limit: int, random: Random) -> list[ByteRange]:
    """However rows are cut, the records are the same, or a batch says that one lies across its edge.

    Returns the ranges of which none does.
    """
    whole = list(split_records(rows, b"", delimiter, limit))
    edges = [place + 1 for place, byte in enumerate(rows[:-1]) if byte == ord("\n")]
    chosen = sorted(random.sample(edges, min(len(edges), random.randint(0, 4))))
    size = random.choice((1, 20, 100, 1_000))

    def read(offset: int, length: int) -> bytes:
        return rows[offset : offset + length]

    anywhere = [ByteRange(first, last - first) for first, last in pairwise([0, *chosen, len(rows)]) if last > first]
    for ranges in (anywhere, list(cut(0, len(rows), size, read))):
        found = _records_of(rows, ranges, delimiter, limit)
        assert found is None or found == whole
    scan = RecordScan(0, len(rows), read, delimiter, limit)
    between = list(cut_at_records(0, size, scan))
    for ranges in (anywhere, between):
        assert b"".join(read(*batch) for batch in ranges) == rows
    assert _records_of(rows, between, delimiter, limit) == whole
    return between


def _records_of(rows: bytes, ranges: list[ByteRange], delimiter: str, limit: int) -> list[Record] | None:
    """The records of all batches, None where one of them lies across an edge."""
    found = []
    for offset, length in ranges:
        end, line = offset + length, rows.count(b"\n", 0, offset)
        try:
            records = list(split_records(rows[offset:end], rows[end:][: ahead_bytes(limit)], delimiter, limit))
        except RecordCrossesBatch:
            return None
        found += [record._replace(line=line + record.line) for record in records]
    return found


def check_mappers(rows: bytes, layout: Layout, ranges: list[ByteRange], limit: int, block_bytes: int) -> Partial:
    """Both mappers say the same, as a whole and in batches, and no row is lost; returns the whole's partial."""
    whole = map_batch(rows, b"", layout, 0, limit)
    assert whole.rows_read == sum(1 for _ in split_records(rows, b"", layout.delimiter, limit))
    assert whole.lines == {0: rows.count(b"\n") + (rows != b"" and not rows.endswith(b"\n"))}
    assert set(whole.rejected) <= set(REASONS)
    assert len(whole.rejects) == whole.rows_rejected
    everything = ByteRange(0, len(rows))
    options = {"max_record_bytes": limit, "block_bytes": block_bytes}
    assert _told(by_kernel(rows, layout, [everything], **options)) == _told(whole)
    assert _told(by_kernel(rows, layout, ranges, **options)) == _told(whole)
    return whole


def check_any_edge(rows: bytes, layout: Layout, limit: int, random: Random) -> None:
    """Both mappers say the same of what lies before any line edge, or both refuse it."""
    edges = [place + 1 for place, byte in enumerate(rows) if byte == ord("\n")] or [len(rows)]
    edge = random.choice(edges)
    plain = _told_or_refused(lambda: map_batch(rows[:edge], rows[edge:][: ahead_bytes(limit)], layout, 0, limit))
    options = {"max_record_bytes": limit, "block_bytes": random.choice(BLOCKS)}
    assert plain == _told_or_refused(lambda: by_kernel(rows, layout, [ByteRange(0, edge)], **options))


def _told_or_refused(mapped: Callable[[], Partial]) -> object:
    try:
        return _told(mapped())
    except RecordCrossesBatch as refusal:
        return str(refusal)


def _told(partial: Partial) -> tuple[object, ...]:
    """All that a partial says, whatever the batches."""
    rejects = [(reject.reason, reject.raw) for reject in partial.rejects]
    rejected = {reason: count for reason, count in sorted(partial.rejected.items()) if count}
    return partial.cube, sum(partial.lines.values()), rejected, file_lines(partial, 1), rejects


def check_partial(partial: Partial, random: Random) -> None:
    """It is the same behind the wire; damaged there, it is refused or no other."""
    fields = encode(partial)
    assert _told(decode(fields)) == _told(partial)
    assert _told(merge_partials([decode(fields), Partial()])) == _told(partial)
    try:
        survivor = decode(_damaged(fields, random))
    except CubeError as error:
        check_sentence(error)
        return
    assert _told(survivor) == _told(partial)


def _damaged(fields: dict[bytes, bytes], random: Random) -> dict[bytes, bytes]:
    key = random.choice(list(fields))
    data, rest = fields[key], {name: value for name, value in fields.items() if name != key}
    place = random.randrange(len(data))
    match random.randrange(6):
        case 0:
            return rest
        case 1:
            return rest | {key: data[:place]}
        case 2:
            return rest | {key + b"x": data}
        case 3:
            return rest | {key: data[:place] + bytes((data[place] ^ 1 << random.randrange(8),)) + data[place + 1 :]}
        case 4:
            return rest | {key: data[:place] + random.randbytes(random.randint(1, 9)) + data[place:]}
    return fields | {b"city:Nowhere": random.choice(list(fields.values()))}
