"""Any cut of a file, with its batches in any order, gives the oracle's answer."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from autoconnect.core.layout import sniff
from autoconnect.core.partial import Partial, encode
from autoconnect.core.splits import ByteRange
from autoconnect.errors import RecordCrossesBatch
from tests.files import File, files
from tests.oracle import read_rows
from tests.unit.batches import (
    cells_of_cube,
    cells_of_rows,
    cuts,
    file_lines,
    map_ranges,
    map_whole,
    merged,
    ranges_between_records,
)


def cells_on_the_wire(partial: Partial) -> dict[bytes, bytes]:
    return {name: value for name, value in encode(partial).items() if name.startswith(b"city:")}


def assert_equals_the_oracle(partial: Partial, file: File, header_lines: int) -> None:
    rows, rejects = read_rows(*file)
    lines = file_lines(partial, header_lines)
    assert [(line, reject.reason) for line, reject in zip(lines, partial.rejects, strict=True)] == rejects
    assert cells_of_cube(partial.cube) == cells_of_rows(rows)
    assert (partial.rows_read, partial.rows_accepted) == (len(rows) + len(rejects), len(rows))
    assert sum(partial.rejected.values()) == partial.rows_rejected == len(rejects)


@settings(max_examples=80)
@given(files(), st.data())
def test_any_cut_merged_in_any_order_equals_the_oracle(file: File, data: st.DataObject) -> None:
    layout = sniff(file.data, [])
    assert (layout.encoding, layout.delimiter) == (file.encoding, file.delimiter)
    partials = map_ranges(file.data, layout, data.draw(cuts(file.data, layout.data_start)))
    total = data.draw(merged(partials))
    uncut = map_whole(file.data, layout)

    assert_equals_the_oracle(total, file, layout.header_lines)
    assert total.cube == uncut.cube
    assert cells_on_the_wire(total) == cells_on_the_wire(uncut)
    assert [reject.raw for reject in total.rejects] == [reject.raw for reject in uncut.rejects]
    assert sum(total.lines.values()) == sum(uncut.lines.values())


@settings(max_examples=60)
@given(files(breaks=True))
def test_line_breaks_in_quotes_are_read_as_the_oracle_reads_them(file: File) -> None:
    layout = sniff(file.data, [])
    assert_equals_the_oracle(map_whole(file.data, layout), file, layout.header_lines)


@settings(max_examples=80)
@given(files(breaks=True), st.data())
def test_a_cut_inside_a_record_is_refused_and_any_other_changes_nothing(file: File, data: st.DataObject) -> None:
    layout = sniff(file.data, [])
    try:
        partials = map_ranges(file.data, layout, data.draw(cuts(file.data, layout.data_start)))
    except RecordCrossesBatch:
        assume(False)
    assert_equals_the_oracle(data.draw(merged(partials)), file, layout.header_lines)


@settings(max_examples=80)
@given(files(breaks=True), st.integers(1, 300), st.data())
def test_with_line_breaks_in_quotes_cuts_between_records_change_nothing(
    file: File, batch_bytes: int, data: st.DataObject
) -> None:
    layout = sniff(file.data, [])
    partials = map_ranges(file.data, layout, ranges_between_records(file.data, layout, batch_bytes))
    total, uncut = data.draw(merged(partials)), map_whole(file.data, layout)
    assert_equals_the_oracle(total, file, layout.header_lines)
    assert cells_on_the_wire(total) == cells_on_the_wire(uncut)


@settings(max_examples=80)
@given(files(breaks=True), st.data())
def test_the_first_batch_that_is_refused_begins_at_a_record(file: File, data: st.DataObject) -> None:
    """Given any cut / When batches are read in turn up to the first that is refused

    I expect each of them to begin at a record: those before the refused one have the oracle's rejects of their lines.
    """
    layout = sniff(file.data, [])
    ranges = data.draw(cuts(file.data, layout.data_start))
    rejects = read_rows(*file)[1]
    line = layout.header_lines + 1
    for batch in ranges:
        try:
            (partial,) = map_ranges(file.data, layout, [batch])
        except RecordCrossesBatch:
            return
        next_line = line + partial.lines[0]
        expected = [(number, reason) for number, reason in rejects if line <= number < next_line]
        assert [(line + reject.line, reject.reason) for reject in partial.rejects] == expected
        line = next_line


@settings(max_examples=80)
@given(files(), st.data())
def test_with_stray_quotes_a_cut_changes_nothing_or_is_refused(file: File, data: st.DataObject) -> None:
    """Given quotes anywhere, some never closed / When the file is cut / I expect the result of one batch."""
    text = bytearray(file.data)
    layout = sniff(file.data, [])
    offsets = data.draw(st.lists(st.integers(layout.data_start, len(text)), max_size=4))
    for offset in sorted(offsets, reverse=True):
        text.insert(offset, ord('"'))
    limit = data.draw(st.integers(1, 60))
    uncut = map_whole(bytes(text), layout, limit)
    try:
        partials = map_ranges(bytes(text), layout, data.draw(cuts(bytes(text), layout.data_start)), limit)
    except RecordCrossesBatch:
        assume(False)
    total = data.draw(merged(partials))
    rejects, expected = (
        [(line, *reject[2:]) for line, reject in zip(file_lines(partial, 1), partial.rejects, strict=True)]
        for partial in (total, uncut)
    )
    assert rejects == expected
    assert total.cube == uncut.cube


def test_a_record_across_two_batches_is_refused() -> None:
    data = b'id,date,ville,type,modele,prix\n1,2024-01-01,"Le\nMans",vente,Audi A4,1\n'
    layout = sniff(data, [])
    middle = data.index(b"Mans")
    with pytest.raises(RecordCrossesBatch, match="across the edge of two batches"):
        map_ranges(data, layout, [ByteRange(layout.data_start, middle - layout.data_start), ByteRange(middle, 99)])
