"""The kernel and the plain mapper agree on every file, however it is cut and wherever a block ends."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from io import StringIO
from itertools import product
from random import Random
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoconnect.core import amounts, fields, schema
from autoconnect.core.days import FIRST_DAY, LAST_DAY
from autoconnect.core.dialect import Dialect, DialectOptions
from autoconnect.core.kernel import blocks, cell_table, cells, shapes, short_texts, span_texts
from autoconnect.core.kernel.mapper import BLOCK_BYTES, KernelMapper
from autoconnect.core.layout import Layout
from autoconnect.core.mapper import map_batch
from autoconnect.core.partial import Partial, merge_partials
from autoconnect.core.records import MAX_RECORD_BYTES, Record, ahead_bytes
from autoconnect.core.schema import MISSING
from autoconnect.core.sniffer import sniff_bytes
from autoconnect.core.splits import ByteRange, cut
from autoconnect.errors import RecordCrossesBatch
from autoconnect.generate import DIALECTS, PLAIN, Writer, generate
from tests.files import File, files
from tests.unit.batches import by_kernel, cuts, map_ranges, planned, reader

HEADER = "id,date,ville,type,modele,prix,duree_location_mois,cout\n"
GOOD = "1,2024-01-31,Paris,location,Audi A4,10.5,12,3\n"
#: Forms of files that are common: the kernel must read all their rows.
FORMS = {
    **DIALECTS,
    "every field in quotes": replace(PLAIN, before='"', between='","', after='"'),
    "spaces around quotes": replace(PLAIN, before=' "', between='" ; "', after='" '),
    "tabs around fields": replace(PLAIN, between="\t,\t"),
    "accents": replace(
        PLAIN, surplus=",,", spellings={"Lyon": ["Saint-Étienne", "L\u2019Haÿ"], "Renault Clio": ["Citroën C3"]}
    ),
    "grouped by narrow spaces": replace(
        PLAIN, between="|", amount=lambda cents: f"{cents // 100:,}".replace(",", "\u202f")
    ),
    "euros before amounts": replace(PLAIN, between="\t", amount=lambda cents: f"EUR {cents // 100},{cents % 100:02}"),
    "CR line ends": replace(PLAIN, line_end="\r"),
    "times": replace(PLAIN, date="{:04}-{:02}-{:02}T10:00:00.123456Z"),
    "quoted times": replace(PLAIN, date='"{:04}/{:02}/{:02} 10:00, about"'),
    "years first without marks": replace(PLAIN, date="{:04}{:02}{:02}"),
}
#: Pieces that are inserted into lines at random.
NOISE = (
    *(
        '"',
        '""',
        ' "',
        '" ',
        ",",
        ";",
        "\t",
        "|",
        "\n",
        "\r",
        "\r\n",
        " ",
        "\u00a0",
        "_",
        ".",
        "-",
        "/",
        "'",
        "0",
        "00",
    ),
    *(
        "é",
        "€",
        "$",
        "EUR",
        "\udc81",
        "\udce9",
        "\0",
        "\x1a",
        "\x1c",
        "\u200b",
        "\ufeff",
        "NULL",
        "T",
        "12.0",
        "(",
        "5-",
    ),
)


def without_cube(partial: Partial) -> tuple[object, ...]:
    """Everything in a partial but its cube."""
    return (
        partial.lines,
        partial.rejected,
        list(partial.rejects),
        dict(partial.first_rejects),
        dict(partial.sightings),
    )


def layout_of(data: bytes, **given: object) -> Layout:
    return sniff_bytes(data, DialectOptions.read(given)).layout


def rows_of(data: bytes, layout: Layout) -> ByteRange:
    return ByteRange(layout.data_start, len(data) - layout.data_start)


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
    """Given a file of any dialect with noise in it, any limit of record bytes and any block size / When it is cut"""
    layout, noisy = planned(file), bytearray(file.data)
    offsets = data.draw(st.lists(st.integers(layout.data_start, len(noisy)), max_size=3))
    for offset in sorted(offsets, reverse=True):
        noisy[offset:offset] = data.draw(st.sampled_from(NOISE)).encode("utf-8", "surrogateescape")
    limit = data.draw(st.sampled_from((MAX_RECORD_BYTES, MAX_RECORD_BYTES, 200, 60, 10)))
    block_bytes = data.draw(st.sampled_from((256 << 10, 1_000, 300, 100, 64)))
    for batch in data.draw(cuts(bytes(noisy), layout.data_start, layout.line_end)):
        assert_same_partial(bytes(noisy), layout, batch, limit, block_bytes)


@pytest.mark.parametrize("form", FORMS)
def test_both_mappers_agree_on_mutated_rows_of_each_form(form: str) -> None:
    """Given realistic rows, every third of them with noise / When they are one batch"""
    writer = FORMS[form]
    good = written(generate(2_000, seed=3, writer=writer), writer)
    layout = layout_of(good)
    data = written(mutated(generate(20_000, seed=11, bad_ratio=0.02, writer=writer), Random(11), writer), writer)
    body = data[data.index(writer.line_end.encode(), layout.data_start - 1) + len(writer.line_end) :]
    plain = map_batch(body, b"", layout)
    fast = by_kernel(body, layout, [ByteRange(0, len(body))])
    assert plain.rows_rejected > 1_000
    assert without_cube(fast) == without_cube(plain)
    assert fast.cube == plain.cube


def mutated(pieces: Iterable[str], random: Random, writer: Writer) -> Iterator[str]:
    """A generated file with noise in every third line after its first piece."""
    top, *rest = pieces
    yield top
    for number, line in enumerate("".join(rest).split(writer.line_end)[:-1]):
        if number % 3 == 0:
            index = random.randrange(len(line) + 1)
            line = line[:index] + random.choice(NOISE) + line[index:]
        yield line + writer.line_end


def written(pieces: Iterable[str], writer: Writer) -> bytes:
    text = "".join(pieces)
    if writer.encoding != "utf-8":  # what the encoding lacks
        text = text.translate({ord(character): "?" for character in "\u200b\ufeff\u202f"})
    return text.encode(writer.encoding, "surrogateescape")


def refuse(records: list[Record], *_: object) -> Partial:
    raise AssertionError(f"deferred to the plain mapper: {records[:3]}")


@pytest.mark.parametrize("form", FORMS)
def test_the_kernel_defers_no_row_of_a_common_form(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = written(generate(3_000, seed=5, writer=FORMS[form]), FORMS[form])
    layout = layout_of(data)
    expected = map_batch(data[layout.data_start :], b"", layout)
    assert expected.rows_accepted == 3_000
    monkeypatch.setattr("autoconnect.core.kernel.mapper.map_records", refuse)
    assert by_kernel(data, layout, [rows_of(data, layout)]).cube == expected.cube


def regular(
    city: str = "Paris", model: str = "Audi A4", date: str = "2024-02-29", kind: str = "Location", last: str = "12"
) -> list[str]:
    return ["TX1", date, city, kind, model, "12.3", last, "9"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_the_kernel_defers_no_regular_row(
    delimiter: str, line_end: str, quoting: Literal[0, 1], encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given rows with accents, odd spaces, marks in quotes, times, missing words, and the forms of durations"""
    rows = [
        ["id", "date", "ville", "type", "modèle", "prix", "rental_months", "coût"],
        regular(),
        regular(city="Saint-Étienne", model="Citroën C3"),
        regular(city="__La  Rochelle_", model=" BMW_X3 "),
        regular(city='"L\'Haÿ",;|\t les Roses', model='5""'),
        regular(date="2024-02-29T10:00:00Z"),
        regular(date="2024-2-9 x", model="a name that is longer than what is compared at once, " + "x" * 64),
        regular(date="20240229", last="12.0"),
        regular(date="2024/02/29", last="1200,0"),
        regular(kind="vente", last="0"),
        *(regular(last=word) for word in sorted(MISSING)),
        *(regular(kind="Ventes", last=word.upper()) for word in sorted(MISSING)),
    ]
    text = StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator=line_end, quoting=quoting).writerows(rows)
    data = text.getvalue().encode(encoding)
    layout = layout_of(data)
    expected = map_batch(data[layout.data_start :], b"", layout)
    assert expected.rows_accepted == len(rows) - 1
    monkeypatch.setattr("autoconnect.core.kernel.mapper.map_records", refuse)
    assert by_kernel(data, layout, [rows_of(data, layout)]).cube == expected.cube


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
@pytest.mark.parametrize("neighbour", ["", "é", "ø", "Ã", "€"])
def test_both_mappers_agree_which_pairs_and_triples_of_bytes_are_characters(
    encoding: Literal["utf-8", "cp1252"], neighbour: str
) -> None:
    triples = [
        bytes((first, second, third))
        for first in range(0xE0, 0xF5)
        for second in range(0x7F, 0xC1)
        for third in (0x7F, 0x80, 0xBF, 0xC0)
    ]
    pairs = [bytes((first, second)) for first in range(0x100) for second in range(0x100)]
    layout = replace(layout_of((HEADER + GOOD).encode()), data_start=0)
    layout = replace(layout, dialect=replace(layout.dialect, encoding=encoding))
    other = neighbour.encode(encoding)
    data = b"".join(
        GOOD.encode().replace(b"1,", b"1" + text + other + b"1,", 1)
        for text in triples + pairs
        if not set(text) & set(b'\n\r",')
    )
    assert_same_partial(data, layout, ByteRange(0, len(data)), MAX_RECORD_BYTES, 256 << 10)


@pytest.mark.parametrize("line_end", ["lf", "cr"])
def test_both_mappers_agree_on_all_short_texts_around_quotes(line_end: Literal["lf", "cr"]) -> None:
    """Given up to five of these pieces in a column that has no meaning"""
    layout = layout_of(("note," + HEADER + "," + GOOD).encode())
    layout = replace(layout, data_start=0, dialect=replace(layout.dialect, line_end=line_end))
    pieces = ('"', "x", " ", ",", "\n", "\r", "\u00a0", "\ufeff")
    fields = ["".join(text) for size in range(6) for text in product(pieces, repeat=size)]
    end = layout.line_end.decode()
    Random(3).shuffle(fields)
    for first in range(0, len(fields), 500):
        data = "".join(f"{field},{GOOD[:-1]}{end}" for field in fields[first : first + 500]).encode()
        assert_same_partial(data, layout, ByteRange(0, len(data)), MAX_RECORD_BYTES, 4_096)


AMOUNT_PIECES = ("1", "23", "456", "000", ".", ",", " ", "\u00a0", "\u202f", "'", "\u2019", "€", "EUR", "$", "-", '"')


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
@pytest.mark.parametrize("decimal", [".", ",", None])
def test_both_mappers_agree_on_all_short_amounts(
    encoding: Literal["utf-8", "cp1252"], decimal: Literal[".", ","] | None
) -> None:
    """Given up to three of these pieces as a price, and some more of them, in quotes and without"""
    dialect = Dialect(encoding=encoding, delimiter=";", decimal=decimal, currency="EUR")
    layout = replace(layout_of((HEADER + GOOD).encode()), data_start=0, dialect=dialect)
    pieces = [piece for piece in AMOUNT_PIECES if encoding == "utf-8" or piece != "\u202f"]
    texts = ["".join(text) for size in range(4) for text in product(pieces, repeat=size)]
    random = Random(1)
    texts += ["".join(random.choices(pieces, k=size)) for size in range(4, 12) for _ in range(1_000)]
    row = GOOD.replace(",", ";")
    lines = (row.replace("10.5", written, 1) for text in texts for written in (text, f'"{text}"', f" {text} "))
    data = "".join(lines).encode(encoding)
    assert_same_partial(data, layout, ByteRange(0, len(data)), MAX_RECORD_BYTES, BLOCK_BYTES)


@pytest.mark.parametrize("order", ["ymd", "dmy", "mdy", "dmyy", "mdyy", "yymd"])
def test_both_mappers_agree_on_all_days(order: Literal["ymd", "dmy", "mdy", "dmyy", "mdyy", "yymd"]) -> None:
    """Given a third of all days of the range, and some outside of it, each in one of several forms"""
    layout = replace(layout_of((HEADER + GOOD).encode()), data_start=0, dialect=Dialect(decimal=".", dates=order))
    first = FIRST_DAY - timedelta(days=4)
    days = [first + timedelta(days=number) for number in range(0, (LAST_DAY - first).days + 9, 3)]
    forms = (
        "%Y-%m-%d",
        "%d/%m/%Y",
        "%m.%d.%Y",
        "%d/%m/%y",
        "%m-%d-%y",
        "%y/%m/%d",
        "%Y%m%d",
        "%Y-%m/%d",
        " %d-%m-%Y T",
    )
    lines = (GOOD.replace("2024-01-31", day.strftime(forms[number % len(forms)])) for number, day in enumerate(days))
    data = "".join(lines).encode()
    assert_same_partial(data, layout, ByteRange(0, len(data)), MAX_RECORD_BYTES, BLOCK_BYTES)


def test_tables_of_short_texts_do_not_grow_without_bound() -> None:
    """Given more texts than a table may hold, each of them twice"""
    count = short_texts.MAX_SHORT_TEXTS + 2_000
    lines = [GOOD.replace("2024-01-31", f"2024-1-3\t{number}") for number in range(count)]
    data = "".join((*lines, *lines[-4_000:])).encode()
    layout = replace(layout_of((HEADER + GOOD).encode()), data_start=0)
    assert_same_partial(data, layout, ByteRange(0, len(data)), MAX_RECORD_BYTES, BLOCK_BYTES)


@pytest.mark.parametrize("days", [1, 70_000])
def test_tables_grow_with_the_number_of_names_and_cells(days: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given many more cities, models and days than tables have room for at first, models equal in their first 70 bytes

    When each row has a cell of its own, days are close together or far apart, and tables count as sparse early
    """
    monkeypatch.setattr("autoconnect.core.kernel.cell_table._SPARSE_CELLS", 1 << 16)
    random = Random(5)
    first = date.fromisoformat("1905-01-01")
    lines = []
    for number in range(span_texts._INITIAL_TEXTS):
        day = first + timedelta(days=random.randrange(days))
        lines.append(
            f"1,{day},Villeneuve-sur-Lot {number % 700:05},sale,{'the same letters ' * 5}{number:0130},{number},,\n"
        )
    data = "".join([HEADER, *lines, *lines[:3_000]]).encode()
    layout = layout_of((HEADER + GOOD).encode())
    assert_same_partial(data, layout, ByteRange(len(HEADER), len(data) - len(HEADER)), MAX_RECORD_BYTES, 4_096)


@pytest.mark.parametrize("limit", ["_MAX_ROWS", "_MAX_NAMES"])
def test_the_cells_of_full_tables_are_merged(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"autoconnect.core.kernel.cell_table.{limit}", 50)
    data = "".join(generate(2_000, seed=2)).encode()
    layout = layout_of(data)
    assert_same_partial(data, layout, rows_of(data, layout), MAX_RECORD_BYTES, 1_000)


def test_any_number_of_empty_lines_is_skipped() -> None:
    """Given more empty lines than rows have room for in a chunk"""
    data = f"{GOOD}{chr(10) * 3 * blocks.CHUNK_ROWS}{GOOD}".encode()
    layout = replace(layout_of((HEADER + GOOD).encode()), data_start=0)
    assert_same_partial(data, layout, ByteRange(0, len(data)), MAX_RECORD_BYTES, BLOCK_BYTES)
    assert by_kernel(data, layout, [ByteRange(0, len(data))]).cube.total("transactions") == 2


@pytest.mark.parametrize("before", ["", GOOD])
@pytest.mark.parametrize("line", ['x"a,"b\n', '"a"b,"\n', '"\n'])
def test_lines_before_a_stray_quote_are_read_at_once(before: str, line: str) -> None:
    """Given 150,000 lines, each of which closes the quote of the line before, and nothing that closes the last one"""
    lines = 150_000
    data = (HEADER + before + line * lines + "x\n" + GOOD).encode()
    layout = layout_of((HEADER + GOOD).encode())
    assert_same_partial(data, layout, ByteRange(len(HEADER), len(data) - len(HEADER)), MAX_RECORD_BYTES, BLOCK_BYTES)


def test_several_batches_become_one_partial() -> None:
    data = "".join(generate(3_000, seed=4, bad_ratio=0.05)).encode()
    layout = layout_of(data)
    ranges = list(cut(layout.data_start, len(data), 20_000, lambda offset, length: data[offset : offset + length]))
    assert len(ranges) > 5
    total = by_kernel(data, layout, ranges)
    single = merge_partials([by_kernel(data, layout, [batch]) for batch in ranges])
    expected = merge_partials(map_ranges(data, layout, ranges))
    assert total.cube == expected.cube
    assert single.cube == expected.cube
    assert total.rejected == expected.rejected
    assert total.lines == expected.lines


CONSTANTS = [
    {"city": "=Aix_en  Provence", "type": "= Location "},
    {"city": "=Lyon", "type": "=vente", "model": "=Clio"},
    {"city": "=n/a"},
    {"id": "=1"},
    {"id": "=-"},
    {"date": "=2024-01-31"},
    {"price": "=12"},
    {"duration": "=12", "cost": "=5"},
]


@pytest.mark.parametrize("constants", CONSTANTS)
def test_both_mappers_agree_where_columns_are_given_as_constants(constants: dict[str, str]) -> None:
    lines = [*HEADER.splitlines(), *(GOOD[:-1],) * 3, GOOD.replace("Paris", "")[:-1], GOOD.replace("10.5", "-1")[:-1]]
    meanings = ("id", "date", "city", "type", "model", "price", "duration", "cost")
    kept = [index for index, meaning in enumerate(meanings) if meaning not in constants]
    data = "".join(",".join(line.split(",")[index] for index in kept) + "\n" for line in lines).encode()
    positions = {meanings[index]: place for place, index in enumerate(kept)}
    texts = {meaning: text.removeprefix("=") for meaning, text in constants.items()}
    names = tuple(data.decode().splitlines()[0].split(","))
    layout = replace(layout_of((HEADER + GOOD).encode()), fields=len(kept), positions=positions, names=names)
    layout = replace(layout, constants=texts, meanings=tuple(meanings[index] for index in kept), data_start=0)
    assert_same_partial(data, layout, ByteRange(0, len(data)), MAX_RECORD_BYTES, BLOCK_BYTES)


def test_no_sum_of_the_kernel_can_overflow() -> None:
    largest, rows = 99_999_999_99, cell_table._MAX_ROWS + BLOCK_BYTES
    assert rows * largest < 2**63
    assert rows * fields.MAX_MONTHS**2 < 2**63
    assert rows < 2**31
    too_much = HEADER.encode() + GOOD.replace("10.5", "100000000.00").encode()
    batch = ByteRange(len(HEADER), len(too_much) - len(HEADER))
    mapper = KernelMapper(layout_of((HEADER + GOOD).encode()))
    mapper.add(0, batch.length, reader(too_much, batch.offset))
    assert (mapper._table.cells, mapper.cells) == (0, 1), "deferred to the plain mapper"
    assert mapper.partial().cube.total("revenue") == 100_000_000_00


def test_the_constants_of_the_kernel_equal_those_of_the_schema() -> None:
    assert (blocks.ABSENT, blocks.RENTAL, blocks.MAX_MONTHS) == (schema.ABSENT, schema.RENTAL, fields.MAX_MONTHS)
    assert len(schema.TYPES) == (1 << cells.TYPE_BITS)
    day_zero = date(1970, 1, 1) + timedelta(days=blocks.DAY_ZERO)
    assert day_zero <= FIRST_DAY
    assert (LAST_DAY - day_zero).days >> cells.PAGE_SHIFT < cells.DAY_PAGES <= 1 << cells.DAY_BITS >> cells.PAGE_SHIFT
    assert shapes.GROUPING == amounts._GROUPING
    spaces = {chr(code) for code in range(0x110000) if chr(code).isspace()}
    assert set(shapes.SPACES) == {space for space in spaces if not space.isascii()}


def test_words_for_a_missing_value_are_as_the_kernel_expects() -> None:
    """An id that ends in a digit, has another digit and does not begin with #, or is long, is no such word."""
    assert all(len(word) < 10 and word.isascii() and not word[-1:].isdigit() for word in MISSING)
    assert [word for word in MISSING if any(letter.isdigit() for letter in word) and word[0] != "#"] == []
