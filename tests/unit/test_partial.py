"""A partial survives the wire unchanged, and rejects keep their order, their lines and their number."""

import subprocess
import sys
from datetime import date
from itertools import permutations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoconnect.core import partial as partials
from autoconnect.core.cube import Cube
from autoconnect.core.partial import MAX_REJECTS, VERSION, Partial, decode, encode, merge_partials
from autoconnect.core.sniffer import sniff_bytes
from autoconnect.core.splits import ByteRange
from autoconnect.core.tally import Sighting
from autoconnect.errors import CubeError
from tests.files import File, files
from tests.oracle import Row
from tests.transactions import several_transactions
from tests.unit.batches import cells_of_cube, cells_of_rows, cube_of_rows, file_lines, map_ranges, map_whole, planned

HEADER = b"id,date,ville,type,modele,prix\n"
SALE = Row("1", date(2024, 1, 1), "Paris", "vente", "Audi A4", 12_345)


def everything(partial: Partial) -> tuple[object, ...]:
    tally = partial.rejected, list(partial.rejects), partial.first_rejects, partial.sightings
    return partial.cube, partial.lines, *tally


@settings(max_examples=25)
@given(files(breaks=True))
def test_a_partial_survives_the_wire(file: File) -> None:
    partial = map_whole(file.data, planned(file))
    fields = encode(partial)
    assert everything(decode(fields)) == everything(partial)
    assert encode(decode(fields)) == fields
    assert {name.decode() for name in fields} == {"tally", *(f"city:{city}" for city in partial.cube.cities)}


def test_an_empty_partial_is_only_a_tally() -> None:
    assert set(encode(Partial())) == {b"tally"}
    assert everything(decode(encode(Partial()))) == everything(Partial())
    assert everything(merge_partials([])) == everything(Partial())
    assert merge_partials([Partial(), Partial()]).cube == Cube.empty()


def test_a_partial_of_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    fields = encode(Partial())
    monkeypatch.setattr(partials, "VERSION", VERSION + 1)
    with pytest.raises(CubeError, match=f"version {VERSION}; this program reads version {VERSION + 1}"):
        decode(fields)


def test_a_damaged_partial_is_refused_whatever_the_damage() -> None:
    """Given a partial of two cities / When a bit of its cells is flipped, or a field is missing, doubled or cut"""
    fields = encode(Partial(cube_of_rows([SALE, SALE._replace(city="Lyon", price=1)]), {0: 2}))
    paris, lyon = fields[b"city:Paris"], fields[b"city:Lyon"]
    damaged = [fields | {b"city:Paris": flipped(paris, bit)} for bit in range(8 * len(paris))]
    damaged += [{name: data for name, data in fields.items() if name != left_out} for left_out in fields]
    damaged += [fields | {b"city:Nice": lyon}, fields | {b"city:Paris": lyon}, fields | {b"city:Paris": paris[:-1]}]
    damaged += [fields | {b"tally": fields[b"tally"][:-1]}, fields | {b"tally": b""}]
    for damaged_fields in damaged:
        with pytest.raises(CubeError, match="A partial is damaged"):
            decode(damaged_fields)


def flipped(data: bytes, bit: int) -> bytes:
    index = bit // 8
    return data[:index] + bytes((data[index] ^ 1 << bit % 8,)) + data[index + 1 :]


@pytest.mark.parametrize("price", [0, 255, 256, 2**32, 2**63 - 1])
@pytest.mark.parametrize("day", [date(1, 1, 1), date(1969, 12, 31), date(9999, 12, 31)])
def test_the_smallest_and_the_largest_numbers_survive_the_wire(price: int, day: date) -> None:
    rows = [SALE._replace(price=price, day=day), SALE._replace(day=day, type="location", months=1_200, cost=price)]
    cube = cube_of_rows(rows)
    assert decode(encode(Partial(cube))).cube == cube


def test_measures_without_data_are_not_on_the_wire_and_numbers_are_as_narrow_as_possible() -> None:
    field = encode(Partial(cube_of_rows([SALE, SALE._replace(model="Zoé", price=1)])))[b"city:Paris"]
    with pa.CompressedInputStream(pa.BufferReader(field), "lz4") as packed, pa.ipc.open_stream(packed) as reader:
        batch = reader.read_next_batch()
    keys = {"day": "int32", "type": "uint8", "model": "uint8"}
    measures = {"transactions": "uint8", "revenue": "uint16", "min_price": "uint16", "max_price": "uint16"}
    assert {column.name: str(column.type) for column in batch.schema} == keys | measures


def test_reading_and_writing_a_partial_does_not_load_pandas() -> None:
    """An aggregator that loads pandas is slower on its first job, and stays larger."""
    program = """
import sys
import numpy as np
from autoconnect.core.cube import MEASURES, Cube
from autoconnect.core.partial import Partial, decode, encode
zero = np.zeros(1, np.int64)
cube = Cube(("Paris",), ("Zoé",), zero, zero, zero, zero, dict.fromkeys(MEASURES, zero + 1))
assert decode(encode(Partial(cube))).cube == cube
assert "pandas" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)


@settings(max_examples=30)
@given(st.lists(several_transactions(), max_size=6), st.integers(0, 40))
def test_merging_a_few_at_a_time_equals_merging_all_at_once(groups: list[list[Row]], at_once: int) -> None:
    """Given partials that come one by one / When few cells may wait, so that sums are merged with later partials"""
    parts = [Partial(cube_of_rows(rows), {batch: len(rows)}) for batch, rows in enumerate(groups)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(partials, "_CELLS_AT_ONCE", at_once)
        total = merge_partials(iter(parts))
    assert everything(total) == everything(merge_partials(parts))
    assert cells_of_cube(total.cube) == cells_of_rows(row for rows in groups for row in rows)


def test_the_order_of_merging_does_not_change_the_wire() -> None:
    data = HEADER + b"1,2024-01-01,Paris,vente,Audi A4,1\nx\n1,x,Paris,vente,Audi A4,1\n"
    layout = sniff_bytes(data).layout
    start = data.index(b"1,x")
    ranges = [ByteRange(layout.data_start, start - layout.data_start), ByteRange(start, len(data) - start)]
    first, second = map_ranges(data, layout, ranges)
    assert encode(merge_partials([first, second])) == encode(merge_partials([second, first]))


def test_file_lines_follow_from_the_lines_of_all_batches() -> None:
    """Given a header after a blank line, and batches of 3, 0 and 2 lines, the last without a line feed"""
    batches = [b"x\n\r\ny\n", b"", b"\nz"]
    data = b"\n" + HEADER + b"".join(batches)
    layout = sniff_bytes(data).layout
    start, ranges = layout.data_start, []
    for batch in batches:
        ranges.append(ByteRange(start, len(batch)))
        start += len(batch)
    first, second, third = map_ranges(data, layout, ranges)
    total = merge_partials([third, first, second])
    assert total.lines == {0: 3, 1: 0, 2: 2}
    assert [(line, reject.raw) for line, reject in zip(file_lines(total, 2), total.rejects, strict=True)] == [
        (3, "x"),
        (5, "y"),
        (7, "z"),
    ]


def test_a_raw_line_is_cut_at_500_characters_and_escapes_undecodable_bytes() -> None:
    data = b"\xef\xbb\xbf" + HEADER + "é".encode() * 501 + b"\n\xffabc\r\n"
    long, undecodable = map_whole(data, sniff_bytes(data).layout).rejects
    assert long.raw == "é" * 500
    assert undecodable.raw == r"\xffabc"


def test_the_first_reject_of_each_reason_is_kept_even_after_the_first_10000() -> None:
    """Given batches in any order / When one has the first row of a reason beyond those that are kept"""
    bad_date, bad_price = (
        b"1,%s,Paris,vente,Audi A4,%s\n" % fields for fields in ((b"x", b"1"), (b"2024-01-01", b"y"))
    )
    data = HEADER + b"x\n" * 10_001 + bad_price + bad_date
    layout = sniff_bytes(data).layout
    edge = data.index(bad_price)
    ranges = [ByteRange(layout.data_start, edge - layout.data_start), ByteRange(edge, len(data) - edge)]
    total = merge_partials(map_ranges(data, layout, ranges)[::-1])
    first = {reason: (reject.batch, reject.line, reject.value) for reason, reject in total.first_rejects.items()}
    assert first == {"field_count": (0, 0, "1 field"), "bad_price": (1, 0, "y"), "bad_date": (1, 1, "x")}
    assert {reject.reason for reject in total.rejects} == {"field_count"}


def test_sightings_are_summed_and_keep_the_first_by_position() -> None:
    first, second, third = (
        Partial(sightings={"repeated_headers": Sighting(records, batch, line, f"{batch}:{line}"), **other})
        for records, batch, line, other in (
            (2, 0, 7, {}),
            (1, 1, 3, {"other_header": Sighting(1, 1, 4, "x")}),
            (3, 0, 5, {}),
        )
    )
    expected = {"repeated_headers": Sighting(6, 0, 5, "0:5"), "other_header": Sighting(1, 1, 4, "x")}
    for order in permutations([first, second, third]):
        assert merge_partials(order).sightings == expected
        one, *others = order
        assert merge_partials([one, decode(encode(merge_partials(others)))]).sightings == expected


def test_the_first_10000_raw_lines_by_position_are_kept_and_all_are_counted() -> None:
    data = HEADER + b"".join(b"%d\n" % number for number in range(6_000)) * 2
    layout = sniff_bytes(data).layout
    middle = layout.data_start + (len(data) - layout.data_start) // 2
    ranges = [ByteRange(layout.data_start, middle - layout.data_start), ByteRange(middle, len(data) - middle)]
    total = merge_partials(map_ranges(data, layout, ranges)[::-1])
    uncut = map_whole(data, layout)
    assert total.rejected == uncut.rejected == {"field_count": 12_000}
    assert total.rows_read == 12_000
    assert len(total.rejects) == MAX_REJECTS == 10_000
    assert [reject.raw for reject in total.rejects] == [reject.raw for reject in uncut.rejects]
    assert file_lines(total, 1) == list(range(2, 10_002))
