"""Rules that hold for any input: each check raises AssertionError if its rule is broken."""

from collections.abc import Callable
from itertools import pairwise
from random import Random

from autoconnect.core.dialect import DialectOptions
from autoconnect.core.layout import Layout
from autoconnect.core.mapper import map_batch
from autoconnect.core.partial import Partial, decode, encode, merge_partials
from autoconnect.core.plan import Part
from autoconnect.core.records import MAX_RECORD_BYTES, Form, Record, ahead_bytes, split_records
from autoconnect.core.schema import REASONS
from autoconnect.core.sniffer import sniff_bytes
from autoconnect.core.splits import ByteRange, RecordScan, cut, cut_at_records
from autoconnect.errors import AutoConnectError, CubeError, RecordCrossesBatch, SourceError
from tests.fuzz.mutations import Input
from tests.unit.batches import by_kernel, file_lines
from tests.unit.texts import plain_records

#: Limits of a record and sizes of a read block, in bytes; small inputs reach most of them.
LIMITS = (MAX_RECORD_BYTES, 200, 60, 10)
BLOCKS = (1 << 16, 1_000, 300, 64)


def check(spoiled: Input, random: Random, *, with_mappers: bool) -> None:
    """Check one input against all rules; mapping takes most of the time and is optional."""
    check_sniffer(spoiled.file, spoiled.options)
    limit = random.choice(LIMITS)
    check_records(spoiled.rows, spoiled.layout.form, limit)
    ranges = check_cuts(spoiled.rows, spoiled.layout.form, limit, random)
    if with_mappers:
        partial = check_mappers(spoiled.rows, spoiled.layout, ranges, limit, random.choice(BLOCKS))
        check_partial(partial, random)
        check_any_edge(spoiled.rows, spoiled.layout, limit, random)


def check_sniffer(file: bytes, options: DialectOptions) -> None:
    """The layout fits the file that it was sniffed from, or one sentence says why there is none."""
    try:
        layout = sniff_bytes(file, options).layout
    except SourceError as error:
        check_sentence(error)
        return
    is_whole = file[layout.data_start - 1 : layout.data_start] == layout.line_end
    assert layout.header_lines == file.count(layout.line_end, 0, layout.data_start) + (not is_whole)
    assert is_whole or layout.data_start == len(file)
    assert len(set(layout.positions.values())) == len(layout.positions)
    assert set(layout.positions.values()) <= set(range(layout.fields))
    part = Part("source.csv", "version", layout)
    assert Part.from_json(part.to_json()) == part


def check_sentence(error: AutoConnectError) -> None:
    """The error is one line that can be shown to a user."""
    sentence = str(error)
    assert sentence.isprintable(), sentence
    assert 10 < len(sentence) < 600, sentence


def check_records(rows: bytes, form: Form, limit: int) -> None:
    """Records are the same as those that a walk over all characters yields."""
    assert list(split_records(rows, b"", form, limit)) == plain_records(rows, form, limit)


def check_cuts(rows: bytes, form: Form, limit: int, random: Random) -> list[ByteRange]:
    """Any cut of the rows gives the same records, or a batch reports that a record crosses its edge.

    Returns the ranges that no record crosses.
    """
    expected = list(split_records(rows, b"", form, limit))
    edges = [index + 1 for index, byte in enumerate(rows[:-1]) if byte == ord(form.line_end)]
    cuts = sorted(random.sample(edges, min(len(edges), random.randint(0, 4))))
    size = random.choice((1, 20, 100, 1_000))

    def read(offset: int, length: int) -> bytes:
        return rows[offset : offset + length]

    by_lines = [ByteRange(first, last - first) for first, last in pairwise([0, *cuts, len(rows)]) if last > first]
    for ranges in (by_lines, list(cut(0, len(rows), size, read, form.line_end))):
        records = _records_of(rows, ranges, form, limit)
        assert records is None or records == expected
    scan = RecordScan(0, len(rows), read, form, limit)
    by_records = list(cut_at_records(0, size, scan))
    for ranges in (by_lines, by_records):
        assert b"".join(read(*batch) for batch in ranges) == rows
    assert _records_of(rows, by_records, form, limit) == expected
    return by_records


def _records_of(rows: bytes, ranges: list[ByteRange], form: Form, limit: int) -> list[Record] | None:
    """The records of all batches, or None if a record crosses the edge of a batch."""
    all_records = []
    for offset, length in ranges:
        end, line = offset + length, rows.count(form.line_end, 0, offset)
        try:
            records = list(split_records(rows[offset:end], rows[end:][: ahead_bytes(limit)], form, limit))
        except RecordCrossesBatch:
            return None
        all_records += [record._replace(line=line + record.line) for record in records]
    return all_records


def check_mappers(rows: bytes, layout: Layout, ranges: list[ByteRange], limit: int, block_bytes: int) -> Partial:
    """Both mappers make the same partial, in one batch and in several, and no row is lost; returns that partial."""
    partial = map_batch(rows, b"", layout, 0, limit)
    assert partial.lines == {0: rows.count(layout.line_end) + (rows != b"" and not rows.endswith(layout.line_end))}
    assert partial.rows_read <= partial.lines[0]
    assert set(partial.rejected) <= set(REASONS)
    assert len(partial.rejects) == partial.rows_rejected
    all_rows = ByteRange(0, len(rows))
    options = {"max_record_bytes": limit, "block_bytes": block_bytes}
    assert _content(by_kernel(rows, layout, [all_rows], **options)) == _content(partial)
    assert _content(by_kernel(rows, layout, ranges, **options)) == _content(partial)
    return partial


def check_any_edge(rows: bytes, layout: Layout, limit: int, random: Random) -> None:
    """For the rows before any line edge, both mappers make the same partial or raise the same error."""
    edges = [index + 1 for index, byte in enumerate(rows) if byte == ord(layout.line_end)] or [len(rows)]
    edge = random.choice(edges)
    plain = _content_or_error(lambda: map_batch(rows[:edge], rows[edge:][: ahead_bytes(limit)], layout, 0, limit))
    options = {"max_record_bytes": limit, "block_bytes": random.choice(BLOCKS)}
    assert plain == _content_or_error(lambda: by_kernel(rows, layout, [ByteRange(0, edge)], **options))


def _content_or_error(mapped: Callable[[], Partial]) -> object:
    try:
        return _content(mapped())
    except RecordCrossesBatch as error:
        return str(error)


def _content(partial: Partial) -> tuple[object, ...]:
    """The content of a partial, without the division into batches."""
    rejects = [reject[2:] for reject in partial.rejects]
    rejected = {reason: count for reason, count in sorted(partial.rejected.items()) if count}
    firsts = sorted((reason, reject[2:]) for reason, reject in partial.first_rejects.items())
    sightings = sorted((kind, seen.records, seen.value) for kind, seen in partial.sightings.items())
    lines = sum(partial.lines.values()), file_lines(partial, 1)
    return partial.cube, lines, rejected, rejects, firsts, sightings


def check_partial(partial: Partial, random: Random) -> None:
    """A partial is the same after encoding and decoding; a damaged one is refused or the same."""
    fields = encode(partial)
    assert _content(decode(fields)) == _content(partial)
    assert _content(merge_partials([decode(fields), Partial()])) == _content(partial)
    try:
        survivor = decode(_damaged(fields, random))
    except CubeError as error:
        check_sentence(error)
        return
    assert _content(survivor) == _content(partial)


def _damaged(fields: dict[bytes, bytes], random: Random) -> dict[bytes, bytes]:
    key = random.choice(list(fields))
    data, rest = fields[key], {name: value for name, value in fields.items() if name != key}
    index = random.randrange(len(data))
    match random.randrange(6):
        case 0:
            return rest
        case 1:
            return rest | {key: data[:index]}
        case 2:
            return rest | {key + b"x": data}
        case 3:
            return rest | {key: data[:index] + bytes((data[index] ^ 1 << random.randrange(8),)) + data[index + 1 :]}
        case 4:
            return rest | {key: data[:index] + random.randbytes(random.randint(1, 9)) + data[index:]}
    return fields | {b"city:Nowhere": random.choice(list(fields.values()))}
