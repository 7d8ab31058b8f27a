"""Cuts between records: no record lies across an edge, wherever the quotes are and however much is read at a time."""

import os
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autoconnect.core.records import Form, Record, ahead_bytes, split_records
from autoconnect.core.splits import ByteRange, RecordScan, cut, cut_at_records
from autoconnect.errors import RecordCrossesBatch, SourceError
from tests.unit.texts import CSV, FORMS, SPACED_TEXTS, TEXTS, bounds, plain_records, written

ANY_TEXTS = st.one_of(TEXTS, SPACED_TEXTS)


def ranges_of(text: bytes, batch_bytes: int, limit: int, start: int = 0, form: Form = CSV) -> list[ByteRange]:
    scan = RecordScan(start, len(text), lambda offset, length: text[offset : offset + length], form, limit)
    return list(cut_at_records(start, batch_bytes, scan))


def batch_of(text: bytes, batch: ByteRange, limit: int) -> tuple[bytes, bytes]:
    """The bytes that a worker sees: those of a batch, and those it may read after it."""
    end = batch.offset + batch.length
    return text[batch.offset : end], text[end : end + ahead_bytes(limit)]


def records_of(text: bytes, batch: ByteRange, form: Form, limit: int) -> list[Record]:
    """The records that the worker of a batch reads, with their lines in the text."""
    line = text.count(form.line_end, 0, batch.offset)
    records = split_records(*batch_of(text, batch, limit), form, limit)
    return [record._replace(line=line + record.line) for record in records]


def is_refused(text: bytes, batch: ByteRange, limit: int, form: Form = CSV) -> bool:
    try:
        records_of(text, batch, form, limit)
    except RecordCrossesBatch:
        return True
    return False


@contextmanager
def blocks_of(block_bytes: int) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("autoconnect.core.splits._BLOCK_BYTES", block_bytes)
        yield


@settings(max_examples=1_500)
@given(ANY_TEXTS, FORMS, st.integers(1, 20), st.integers(1, 20), st.integers(1, 12))
@example('"","\n"', CSV, 1, 2, 1)  # the second quote opens after a block, and closes late
@example('"\n"      x\n', CSV, 1, 2, 1)  # a worker would not see what follows the quote
@example('"\na"\x1a', CSV, 1, 3, 4)
def test_batches_cut_between_records_have_the_records_of_the_whole_file(
    text: str, form: Form, batch_bytes: int, limit: int, block_bytes: int
) -> None:
    data = written(text, form)
    with blocks_of(block_bytes):
        ranges = ranges_of(data, batch_bytes, limit, form=form)
    assert b"".join(data[offset : offset + length] for offset, length in ranges) == data
    records = [record for batch in ranges for record in records_of(data, batch, form, limit)]
    assert records == plain_records(data, form, limit)


@settings(max_examples=1_000)
@given(ANY_TEXTS, FORMS, st.integers(1, 20), st.integers(1, 20))
def test_batches_cut_between_lines_have_the_records_of_the_whole_file_or_one_is_refused(
    text: str, form: Form, batch_bytes: int, limit: int
) -> None:
    data = written(text, form)
    ranges = list(cut(0, len(data), batch_bytes, lambda offset, length: data[offset:][:length], form.line_end))
    if not any(is_refused(data, batch, limit, form) for batch in ranges):
        records = [record for batch in ranges for record in records_of(data, batch, form, limit)]
        assert records == plain_records(data, form, limit)


@settings(max_examples=500)
@given(ANY_TEXTS, FORMS, st.integers(1, 20), st.integers(1, 20), st.integers(1, 12))
def test_a_batch_ends_at_the_first_edge_that_is_far_enough(
    text: str, form: Form, batch_bytes: int, limit: int, block_bytes: int
) -> None:
    """When batches are cut between records

    I expect of each earlier offset that is far enough: no record begins there, or a batch that ends there has a stray
    quote.
    """
    data = written(text, form)
    with blocks_of(block_bytes):
        ranges = ranges_of(data, batch_bytes, limit, form=form)
    records = list(bounds(data.removesuffix(b"\x1a"), form, limit))
    starts = {start for start, _, _ in records}
    strays = [start for start, _, fault in records if fault]
    for offset, length in ranges:
        assert length >= batch_bytes or offset + length == len(data)
        for edge in range(offset + batch_bytes, offset + length):
            assert edge not in starts or any(offset <= stray < edge for stray in strays)


def test_a_stray_quote_after_quotes_that_close_moves_the_cut_after_all_of_them() -> None:
    """Given a record whose first quote closes on the second line and whose next one never does: each line is a record

    When a cut is requested at the first of these edges / I expect it after the line of the stray quote: a worker whose
    batch ended before would see a quote that closes after its edge.
    """
    text = b'a,"b\nc","d\n' + b"e\n" * 9
    assert [record.fault for record in split_records(text, b"", CSV, 8)][:3] == ["bad_quotes", "bad_quotes", None]
    assert is_refused(text, ByteRange(0, 5), 8)
    assert ranges_of(text, 5, 8)[0] == ByteRange(0, 11)


def test_a_closing_quote_that_is_judged_late_moves_the_cut_after_it() -> None:
    """Given a closing quote and, after more white space than a worker can see, a character that makes it stray

    When a cut is requested before that quote / I expect it after it: a worker would refuse a batch that ended before.
    """
    text = b'a,"b\nc"' + b" " * 20 + b"x\nd\n"
    assert [record.fault for record in split_records(text, b"", CSV, 8)][:2] == ["bad_quotes", "record_too_long"]
    assert is_refused(text, ByteRange(0, 5), 8)
    assert ranges_of(text, 5, 8) == [ByteRange(0, 29), ByteRange(29, 2)]


@pytest.mark.parametrize(
    ("line", "last"), [(b'a","b\n', b"c\n"), (b'a" ,"b\n', b'c"x\n'), (b'2,"\n', b"x\n"), (b'a" ,  "b\n', b"c\n")]
)
def test_lines_before_a_stray_quote_are_passed_without_a_look_ahead_from_each(line: bytes, last: bytes) -> None:
    text = line * 150_000 + last + b"d\n" * 10
    ranges = ranges_of(text, 1, 1 << 20)
    assert not any(is_refused(text, batch, 1 << 20) for batch in ranges[:3] + ranges[-3:])
    assert ranges[-10:] == [ByteRange(len(text) - 2 * line, 2) for line in range(10, 0, -1)]


def test_the_scan_begins_at_its_start_and_not_before() -> None:
    text = b'x"\n"a\nb"\nc\n'
    assert ranges_of(text, 1, 20, start=3) == [ByteRange(3, 6), ByteRange(9, 2)]


@pytest.mark.parametrize("form", ["{},{}\n", '{},"{}\n{}"\n', '"{}","{}\r\n{}"\r\n', '{},5" of {}\n', '"{}'])
def test_a_large_source_is_read_once_in_blocks(tmp_path: Path, form: str) -> None:
    """Given a source larger than a block / When it is cut / I expect little memory and a single pass."""
    text = "".join(form.format(n, n, n) for n in range(800_000)).encode() + b"\n"
    path = tmp_path / "large.csv"
    path.write_bytes(text)
    requested_bytes = 0
    with path.open("rb") as file:

        def read(offset: int, length: int) -> bytes:
            nonlocal requested_bytes
            requested_bytes += length
            return os.pread(file.fileno(), length, offset)

        tracemalloc.start()
        ranges = list(cut_at_records(0, 100_000, RecordScan(0, len(text), read, CSV)))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert sum(length for _, length in ranges) == len(text)
    assert not any(is_refused(text, batch, 1 << 20) for batch in ranges)
    assert peak < 20 << 20
    assert requested_bytes < 2 * len(text) + (2 << 20)


def test_a_record_longer_than_a_block_is_one_record() -> None:
    text = b"a\n" + b'"x\n",' * 300 + b"\nb\n"
    with blocks_of(16):
        assert ranges_of(text, 1, 8) == [ByteRange(0, 2), ByteRange(2, 1_501), ByteRange(1_503, 2)]


@pytest.mark.parametrize("record", [b'"x\n",' * 3_000, b"x," * 8_000])
def test_a_record_that_never_ends_is_refused(monkeypatch: pytest.MonkeyPatch, record: bytes) -> None:
    monkeypatch.setattr("autoconnect.core.splits._MAX_LINE_BYTES", 10_000)
    with blocks_of(16), pytest.raises(SourceError, match="longer than 10,000 bytes"):
        ranges_of(b"a\n" + record, 1, 8)


def test_a_source_that_has_become_shorter_ends_the_scan() -> None:
    ranges = list(cut_at_records(0, 10, RecordScan(0, 1_000_000_000, lambda *_: b"", CSV)))
    assert sum(length for _, length in ranges) == 1_000_000_000
