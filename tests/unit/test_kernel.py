"""The kernel and the plain mapper agree on every file, however it is cut and wherever a block ends."""

import csv
from collections.abc import Iterable
from datetime import date, timedelta
from io import StringIO
from random import Random
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoconnect.core import schema
from autoconnect.core.kernel import blocks, cell_table, cells
from autoconnect.core.kernel.mapper import BLOCK_BYTES, KernelMapper
from autoconnect.core.layout import Layout, sniff
from autoconnect.core.mapper import map_batch
from autoconnect.core.partial import Partial, merge_partials
from autoconnect.core.records import MAX_RECORD_BYTES, Record, ahead_bytes
from autoconnect.core.schema import MISSING
from autoconnect.core.splits import ByteRange, cut
from autoconnect.errors import RecordCrossesBatch
from autoconnect.generate import generate
from tests.files import File, files
from tests.unit.batches import by_kernel, cuts, map_ranges, reader

HEADER = "id,date,ville,type,modele,prix,duree_location_mois,cout\n"
GOOD = "1,2024-01-31,Paris,location,Audi A4,10.5,12,3\n"

#: How a file is written: delimiter, encoding, line end, whether all fields are quoted.
DIALECTS = [
    (",", "utf-8", "\n", False),
    (",", "utf-8", "\r\n", True),
    (";", "cp1252", "\r\n", False),
    ("\t", "utf-8-sig", "\n", True),
]
#: Pieces that are inserted into lines at random.
NOISE = ('"', '""', ",", ";", "\t", "\n", "\r", "\r\n", " ", "_", ".", "-", "0", "00", "é", "€", "\udc81", "NULL", "T")


def without_cube(partial: Partial) -> tuple[object, ...]:
    """Everything in a partial but its cube."""
    return partial.lines, partial.rejected, list(partial.rejects)


def assert_same_partial(data: bytes, layout: Layout, batch: ByteRange, limit: int, block_bytes: int) -> None:
    """Both mappers make the same partial of one batch, or both refuse it."""
    start, length = batch
    ahead = data[start + length :][: ahead_bytes(limit)]
    try:
        plain = map_batch(data[start : start + length], ahead, layout, 0, limit)
    except RecordCrossesBatch:
        with pytest.raises(RecordCrossesBatch):
            by_kernel(data, layout, [batch], max_record_bytes=limit, block_bytes=block_bytes)
        return
    fast = by_kernel(data, layout, [batch], max_record_bytes=limit, block_bytes=block_bytes)
    assert without_cube(fast) == without_cube(plain)
    assert fast.cube == plain.cube


@settings(max_examples=250)
@given(files() | files(breaks=True), st.data())
def test_both_mappers_agree_on_any_batch(file: File, data: st.DataObject) -> None:
    """Given a file of any form with noise in it, any limit of record bytes and any block size / When it is cut"""
    layout, noisy = sniff(file.data, []), bytearray(file.data)
    offsets = data.draw(st.lists(st.integers(layout.data_start, len(noisy)), max_size=3))
    for offset in sorted(offsets, reverse=True):
        noisy[offset:offset] = data.draw(st.sampled_from(NOISE)).encode("utf-8", "surrogateescape")
    limit = data.draw(st.sampled_from((MAX_RECORD_BYTES, MAX_RECORD_BYTES, 200, 60, 10)))
    block_bytes = data.draw(st.sampled_from((256 << 10, 1_000, 300, 100, 64)))
    for batch in data.draw(cuts(bytes(noisy), layout.data_start)):
        assert_same_partial(bytes(noisy), layout, batch, limit, block_bytes)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_both_mappers_agree_on_a_quarter_million_mutated_rows(dialect: tuple[str, str, str, bool]) -> None:
    """Given realistic rows, every third of them with noise / When they are one batch"""
    data = written(mutated(generate(250_000, seed=11, bad_ratio=0.02), Random(11)), *dialect)
    layout = sniff(data[: 1 << 20], [])
    assert layout.delimiter == dialect[0]
    plain = map_batch(data[layout.data_start :], b"", layout)
    fast = by_kernel(data, layout, [ByteRange(layout.data_start, len(data) - layout.data_start)])
    assert plain.rows_rejected > 10_000
    assert without_cube(fast) == without_cube(plain)
    assert fast.cube == plain.cube


def mutated(pieces: Iterable[str], random: Random) -> Iterable[list[str]]:
    """The fields of each line of a generated file, with noise in every third line after the header."""
    lines = "".join(pieces).splitlines()
    yield lines[0].split(",")
    for number, line in enumerate(lines[1:]):
        fields = line.split(",")
        if number % 3 == 0:
            field = random.randrange(len(fields))
            index = random.randrange(len(fields[field]) + 1)
            fields[field] = fields[field][:index] + random.choice(NOISE) + fields[field][index:]
        yield fields


def written(rows: Iterable[list[str]], delimiter: str, encoding: str, line_end: str, quoted: bool) -> bytes:
    """A file of a dialect: all fields are quoted, or none is, even if it has a delimiter or quote in it."""
    text = StringIO()
    if quoted:
        csv.writer(text, delimiter=delimiter, lineterminator=line_end, quoting=csv.QUOTE_ALL).writerows(rows)
    else:
        mark = str.maketrans(".", ",") if delimiter == ";" else {}
        text.writelines(delimiter.join(row).translate(mark) + line_end for row in rows)
    return text.getvalue().encode(encoding, "surrogateescape")


def regular(city: str = "Paris", model: str = "Audi A4", date: str = "2024-02-29", last: str = "") -> list[str]:
    return ["TX1", date, city, "Location", model, "12.3", last or "12", "9"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_the_kernel_defers_no_regular_row(
    delimiter: str, line_end: str, quoting: Literal[0, 1], encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given rows with accents, odd spaces, marks and line breaks in quotes, times, and missing words"""
    rows = [
        ["id", "date", "ville", "type", "modèle", "prix", "rental_months", "coût"],
        regular(),
        regular(city="Saint-Étienne", model="Citroën C3"),
        regular(city="__La  Rochelle_", model=" BMW_X3 "),
        regular(city='"L\'Haÿ",;\t les Roses', model="Mercedes\nClasse C"),
        regular(date="2024-02-29T10:00:00Z"),
        regular(date="2024-02-29 x", model="a name that is longer than what is compared at once, " + "x" * 64),
        *(regular(last=word) for word in sorted(MISSING)),
    ]
    if delimiter == ";":
        rows = [[field.replace("12.3", "12,3") for field in row] for row in rows]
    text = StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator=line_end, quoting=quoting).writerows(rows)
    data = text.getvalue().encode(encoding)
    layout = sniff(data, [])
    batch = ByteRange(layout.data_start, len(data) - layout.data_start)
    expected = map_batch(data[layout.data_start :], b"", layout)
    assert expected.rows_accepted == len(rows) - 1

    def refuse(records: list[Record], *_: object) -> Partial:
        raise AssertionError(f"deferred to the plain mapper: {records}")

    monkeypatch.setattr("autoconnect.core.kernel.mapper.map_records", refuse)
    assert by_kernel(data, layout, [batch]).cube == expected.cube


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1252"])
def test_both_mappers_agree_which_pairs_and_triples_of_bytes_are_characters(encoding: str) -> None:
    triples = [
        bytes((first, second, third))
        for first in range(0xE0, 0xF5)
        for second in range(0x7F, 0xC1)
        for third in (0x7F, 0x80, 0xBF, 0xC0)
    ]
    pairs = [bytes((first, second)) for first in range(0x7F, 0x100) for second in range(0x100)]
    odd = [text for text in pairs + triples if not set(text) & set(b'\n\r",')]
    bom = b"\xef\xbb\xbf" if encoding == "utf-8-sig" else b""
    data = bom + HEADER.encode() + b"".join(GOOD.encode().replace(b"1,", b"1" + text + b"1,", 1) for text in odd)
    layout = sniff(bom + HEADER.encode(), [] if bom else [b"\xff"])
    batch = ByteRange(layout.data_start, len(data) - layout.data_start)
    assert_same_partial(data, layout, batch, MAX_RECORD_BYTES, 256 << 10)


@pytest.mark.parametrize("days", [1, 3_000_000])
def test_tables_grow_with_the_number_of_names_and_cells(days: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given many more cities, models and days than tables have room for at first, models equal in their first 70 bytes

    When each row has a cell of its own, days are close together or far apart, and tables count as sparse early
    """
    monkeypatch.setattr("autoconnect.core.kernel.cell_table._SPARSE_CELLS", 1 << 16)
    random = Random(5)
    first = date.fromisoformat("0800-01-01")
    lines = []
    for number in range(6_000):
        day = first + timedelta(days=random.randrange(days))
        lines.append(
            f"1,{day},Villeneuve-sur-Lot {number % 700:05},sale,{'the same letters ' * 5}{number:0130},{number},,\n"
        )
    data = "".join([HEADER, *lines, *lines]).encode()
    layout = sniff(data[:1_000], [])
    assert_same_partial(data, layout, ByteRange(len(HEADER), len(data) - len(HEADER)), MAX_RECORD_BYTES, 4_096)


@pytest.mark.parametrize("limit", ["_MAX_ROWS", "_MAX_NAMES"])
def test_the_cells_of_full_tables_are_merged(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"autoconnect.core.kernel.cell_table.{limit}", 50)
    data = "".join(generate(2_000, seed=2)).encode()
    layout = sniff(data, [])
    assert_same_partial(
        data, layout, ByteRange(layout.data_start, len(data) - layout.data_start), MAX_RECORD_BYTES, 1_000
    )


@pytest.mark.parametrize("before", ["", GOOD])
def test_lines_before_a_stray_quote_are_read_at_once(before: str) -> None:
    """Given 150,000 lines, each of which closes the quote of the line before, and nothing that closes the last one"""
    lines = 150_000
    data = (HEADER + before + 'x"a,"b\n' * lines + GOOD).encode()
    total = by_kernel(data, sniff(HEADER.encode(), []), [ByteRange(len(HEADER), len(data) - len(HEADER))])
    assert total.rejected == {"bad_quotes": lines}
    assert [reject.line for reject in total.rejects[:3]] == [before.count("\n") + line for line in range(3)]
    assert total.rows_accepted == 1 + before.count("\n")
    assert sum(total.lines.values()) == lines + 1 + before.count("\n")


def test_several_batches_become_one_partial() -> None:
    data = "".join(generate(3_000, seed=4, bad_ratio=0.05)).encode()
    layout = sniff(data, [])
    ranges = list(cut(layout.data_start, len(data), 20_000, lambda offset, length: data[offset : offset + length]))
    assert len(ranges) > 5
    total = by_kernel(data, layout, ranges)
    single = merge_partials([by_kernel(data, layout, [batch]) for batch in ranges])
    expected = merge_partials(map_ranges(data, layout, ranges))
    assert total.cube == expected.cube
    assert single.cube == expected.cube
    assert total.rejected == expected.rejected
    assert total.lines == expected.lines


def test_no_sum_of_the_kernel_can_overflow() -> None:
    largest, rows = 99_999_999_99, cell_table._MAX_ROWS + BLOCK_BYTES
    assert rows * largest < 2**63
    assert rows * schema.MAX_MONTHS**2 < 2**63
    assert rows < 2**31
    too_much = HEADER.encode() + GOOD.replace("10.5", "100000000.00").encode()
    batch = ByteRange(len(HEADER), len(too_much) - len(HEADER))
    mapper = KernelMapper(sniff(too_much, []))
    mapper.add(0, batch.length, reader(too_much, batch.offset))
    assert mapper.cells == 0, "deferred to the plain mapper"
    assert mapper.partial().cube.total("revenue") == 100_000_000_00


def test_the_constants_of_the_kernel_equal_those_of_the_schema() -> None:
    assert (blocks.ABSENT, blocks.RENTAL, blocks.MAX_MONTHS) == (schema.ABSENT, schema.RENTAL, schema.MAX_MONTHS)
    assert len(schema.TYPES) == (1 << cells.TYPE_BITS)
    assert max(len(word.encode()) for word in MISSING) <= 7
