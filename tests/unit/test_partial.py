"""A partial is the same behind the wire, and rejects keep their place in the file, their line and their number."""

import pytest
from hypothesis import given, settings

from autoconnect.core.cube import Cube
from autoconnect.core.layout import sniff
from autoconnect.core.partial import MAX_REJECTS, Partial, decode, encode, file_lines, merge_partials
from autoconnect.core.splits import ByteRange
from autoconnect.errors import CubeError
from tests.files import File, files
from tests.unit.batches import map_ranges, map_whole

HEADER = b"id,date,ville,type,modele,prix\n"


def everything(partial: Partial) -> tuple[object, ...]:
    return partial.cube, partial.lines, partial.rejected, list(partial.rejects)


@settings(max_examples=25)
@given(files(breaks=True))
def test_a_partial_is_the_same_behind_the_wire(file: File) -> None:
    partial = map_whole(file.data, sniff(file.data, []))
    fields = encode(partial)
    assert everything(decode(fields)) == everything(partial)
    assert encode(decode(fields)) == fields
    assert {name.decode() for name in fields} == {"tally", *(f"city:{city}" for city in partial.cube.cities)}


def test_a_partial_of_nothing_is_a_tally_only() -> None:
    assert set(encode(Partial())) == {b"tally"}
    assert everything(decode(encode(Partial()))) == everything(Partial())
    assert everything(merge_partials([])) == everything(Partial())
    assert merge_partials([Partial(), Partial()]).cube == Cube.empty()


def test_a_partial_of_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    fields = encode(Partial())
    monkeypatch.setattr("autoconnect.core.partial.VERSION", 2)
    with pytest.raises(CubeError, match="version 1"):
        decode(fields)


def test_the_order_of_merging_does_not_show_on_the_wire() -> None:
    data = HEADER + b"1,2024-01-01,Paris,vente,Audi A4,1\nx\n1,x,Paris,vente,Audi A4,1\n"
    layout = sniff(data, [])
    start = data.index(b"1,x")
    ranges = [ByteRange(layout.data_start, start - layout.data_start), ByteRange(start, len(data) - start)]
    first, second = map_ranges(data, layout, ranges)
    assert encode(merge_partials([first, second])) == encode(merge_partials([second, first]))


def test_lines_of_a_file_are_known_once_all_batches_are() -> None:
    """Given a header behind a blank line, and batches of 3, 0 and 2 lines, the last without a line feed"""
    batches = [b"x\n\r\ny\n", b"", b"\nz"]
    data = b"\n" + HEADER + b"".join(batches)
    layout = sniff(data, [])
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


def test_a_raw_line_is_cut_at_500_characters_and_shows_bytes_that_are_none() -> None:
    data = b"\xef\xbb\xbf" + HEADER + "é".encode() * 501 + b"\n\xffabc\r\n"
    long, undecodable = map_whole(data, sniff(data, [])).rejects
    assert long.raw == "é" * 500
    assert undecodable.raw == r"\xffabc"


def test_the_first_10000_raw_lines_by_position_are_kept_and_all_are_counted() -> None:
    data = HEADER + b"".join(b"%d\n" % number for number in range(6_000)) * 2
    layout = sniff(data, [])
    middle = layout.data_start + (len(data) - layout.data_start) // 2
    ranges = [ByteRange(layout.data_start, middle - layout.data_start), ByteRange(middle, len(data) - middle)]
    total = merge_partials(map_ranges(data, layout, ranges)[::-1])
    whole = map_whole(data, layout)
    assert total.rejected == whole.rejected == {"field_count": 12_000}
    assert total.rows_read == 12_000
    assert len(total.rejects) == MAX_REJECTS == 10_000
    assert [reject.raw for reject in total.rejects] == [reject.raw for reject in whole.rejects]
    assert file_lines(total, 1) == list(range(2, 10_002))
