"""Any cut of a file, with its batches in any order, gives the oracle's answer."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from autoconnect.core.layout import Layout
from autoconnect.core.lines import FileLines
from autoconnect.core.notes import shown
from autoconnect.core.outcome import Limits, reduce
from autoconnect.core.partial import Partial, encode
from autoconnect.core.plan import Part
from autoconnect.core.sniffer import sniff_bytes
from autoconnect.core.splits import ByteRange
from autoconnect.errors import RecordCrossesBatch
from tests.files import File, files
from tests.unit.batches import (
    cells_of_cube,
    cells_of_rows,
    cuts,
    map_ranges,
    map_whole,
    merged,
    planned,
    ranges_between_records,
)

#: Notes on how a file is written, which the sniffer makes.
PLANNING_NOTES = ("lines_before_header", "unused_columns", "second_id", "cost_not_used")
LIMITS = Limits(max_cells=1_000_000, max_rejected_ratio=1.0)


def cells_on_the_wire(partial: Partial) -> dict[bytes, bytes]:
    return {name: value for name, value in encode(partial).items() if name.startswith(b"city:")}


def assert_equals_the_oracle(partial: Partial, file: File, layout: Layout) -> None:
    reading = file.reading
    outcome = reduce([partial], [Part("source.csv", "version", layout)], LIMITS)
    rows = outcome.rejects.rows
    rejects = [(row["line"], row["reason"], row["column"], row["column"] and row["value"]) for row in rows]
    assert rejects == [
        (reject.line, reject.reason, reject.column, reject.column and shown(reject.value or ""))
        for reject in reading.rejects
    ]
    assert cells_of_cube(partial.cube) == cells_of_rows(reading.rows)
    assert (partial.rows_read, partial.rows_accepted) == (reading.rows_read, len(reading.rows))
    assert sum(partial.rejected.values()) == partial.rows_rejected == len(reading.rejects)
    notes, expected = (
        [(note.code, note.count, note.line) for note in notes if note.code not in PLANNING_NOTES]
        for notes in (outcome.notes, reading.notes)
    )
    assert notes == expected
    assert (outcome.failure is None) == (reading.failure is None)


@settings(max_examples=80)
@given(files(), st.data())
def test_any_cut_merged_in_any_order_equals_the_oracle(file: File, data: st.DataObject) -> None:
    layout = planned(file)
    partials = map_ranges(file.data, layout, data.draw(cuts(file.data, layout.data_start, layout.line_end)))
    total = data.draw(merged(partials))
    uncut = map_whole(file.data, layout)

    assert_equals_the_oracle(total, file, layout)
    assert total.cube == uncut.cube
    assert cells_on_the_wire(total) == cells_on_the_wire(uncut)
    assert [reject.raw for reject in total.rejects] == [reject.raw for reject in uncut.rejects]
    assert sum(total.lines.values()) == sum(uncut.lines.values())


@settings(max_examples=60)
@given(files(breaks=True))
def test_line_breaks_in_quotes_are_read_as_the_oracle_reads_them(file: File) -> None:
    layout = planned(file)
    assert_equals_the_oracle(map_whole(file.data, layout), file, layout)


@settings(max_examples=80)
@given(files(breaks=True), st.data())
def test_a_cut_inside_a_record_is_refused_and_any_other_changes_nothing(file: File, data: st.DataObject) -> None:
    layout = planned(file)
    try:
        partials = map_ranges(file.data, layout, data.draw(cuts(file.data, layout.data_start, layout.line_end)))
    except RecordCrossesBatch:
        assume(False)
    assert_equals_the_oracle(data.draw(merged(partials)), file, layout)


@settings(max_examples=80)
@given(files(breaks=True), st.integers(1, 300), st.data())
def test_with_line_breaks_in_quotes_cuts_between_records_change_nothing(
    file: File, batch_bytes: int, data: st.DataObject
) -> None:
    layout = planned(file)
    partials = map_ranges(file.data, layout, ranges_between_records(file.data, layout, batch_bytes))
    total, uncut = data.draw(merged(partials)), map_whole(file.data, layout)
    assert_equals_the_oracle(total, file, layout)
    assert cells_on_the_wire(total) == cells_on_the_wire(uncut)


@settings(max_examples=80)
@given(files(breaks=True), st.data())
def test_the_first_batch_that_is_refused_begins_at_a_record(file: File, data: st.DataObject) -> None:
    """Given any cut / When batches are read in turn up to the first that is refused

    I expect each of them to begin at a record: those before the refused one have the oracle's rejects of their lines.
    """
    layout = planned(file)
    ranges = data.draw(cuts(file.data, layout.data_start, layout.line_end))
    rejects = [(reject.line, reject.reason) for reject in file.reading.rejects]
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
    layout = planned(file)
    text = bytearray(file.data)
    offsets = data.draw(st.lists(st.integers(layout.data_start, len(text)), max_size=4))
    for offset in sorted(offsets, reverse=True):
        text.insert(offset, ord('"'))
    limit = data.draw(st.integers(1, 60))
    uncut = map_whole(bytes(text), layout, limit)
    ranges = data.draw(cuts(bytes(text), layout.data_start, layout.line_end))
    try:
        partials = map_ranges(bytes(text), layout, ranges, limit)
    except RecordCrossesBatch:
        assume(False)
    total = data.draw(merged(partials))
    assert total.cube == uncut.cube
    assert tally_of(total, layout) == tally_of(uncut, layout)


def tally_of(total: Partial, layout: Layout) -> tuple[object, ...]:
    """What a partial tells of rejected rows and unusual records, with lines of the file."""
    lines = FileLines(total.lines, [Part("source.csv", "version", layout)])
    rejects = [(lines.place(*reject[:2]).line, *reject[2:]) for reject in total.rejects]
    firsts = {reason: (lines.place(*reject[:2]).line, *reject[2:]) for reason, reject in total.first_rejects.items()}
    sightings = {
        kind: (seen.records, lines.place(seen.batch, seen.line).line, seen.value)
        for kind, seen in total.sightings.items()
    }
    return total.rejected, rejects, firsts, sightings


def test_a_record_across_two_batches_is_refused() -> None:
    data = b'id,date,ville,type,modele,prix\n1,2024-01-01,"Le\nMans",vente,Audi A4,1\n'
    layout = sniff_bytes(data).layout
    middle = data.index(b"Mans")
    with pytest.raises(RecordCrossesBatch, match="across the edge of two batches"):
        map_ranges(data, layout, [ByteRange(layout.data_start, middle - layout.data_start), ByteRange(middle, 99)])
