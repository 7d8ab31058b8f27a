"""The bounds of records and fields, compared with a reader of one character at a time and with the csv module."""

import csv
from io import StringIO

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from autoconnect.core.records import Record, ahead_bytes, skip_records, split_fields, split_records
from autoconnect.errors import RecordCrossesBatch
from tests.unit.texts import TEXTS, plain_records, walk


@settings(max_examples=300)
@given(TEXTS, st.integers(1, 20))
def test_records_equal_those_of_a_walk_over_all_characters(text: str, limit: int) -> None:
    assert list(split_records(text.encode(), b"", ",", limit)) == plain_records(text, limit)


@settings(max_examples=300)
@given(TEXTS)
def test_whole_records_are_skipped_up_to_the_first_that_does_not_end(text: str) -> None:
    start = 0
    while (end := walk(text, start, len(text))) is not None and end < len(text):
        start = end + 1
    assert skip_records(text.encode(), 0, len(text), b",") == start


@settings(max_examples=600)
@given(TEXTS, TEXTS, st.integers(1, 20))
def test_a_cut_gives_the_same_records_or_is_refused(before: str, after: str, limit: int) -> None:
    first, second = f"{before}\n".encode(), after.encode()
    try:
        records = list(split_records(first, second[: ahead_bytes(limit)], ",", limit))
    except RecordCrossesBatch:
        assume(False)
    lines = first.count(b"\n")
    records += [record._replace(line=lines + record.line) for record in split_records(second, b"", ",", limit)]
    assert records == list(split_records(first + second, b"", ",", limit))


@settings(max_examples=300)
@given(TEXTS)
def test_fields_equal_those_of_the_csv_module(text: str) -> None:
    end = walk(text, 0, len(text))
    record = text[:end].removesuffix("\r")
    assume(end is not None and record)
    assert split_fields(record, ",") == next(csv.reader(StringIO(record, newline="")))


def test_text_after_the_closing_quote_of_a_cut_record_does_not_matter() -> None:
    """Given a quote that closes after the edge, and a second one that opens there and closes out of sight

    When the batch is read / I expect it to be refused: with the whole file in sight, the two lines are one record.
    """
    data, rest = b'a,"b\n', b'c","ddddddd"\n'
    assert [record.line for record in split_records(data + rest, b"", ",", 8)] == [0]
    with pytest.raises(RecordCrossesBatch):
        list(split_records(data, rest[: ahead_bytes(8)], ",", 8))


@pytest.mark.parametrize("before", [b"", b'"q"\n'])  # a batch without quotes is read by other code
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"a\nb", [(0, b"a"), (1, b"b")]),
        (b"a\r\n\r\n\nb\r\n", [(0, b"a"), (3, b"b")]),
        (b"a\rb\n", [(0, b"a\rb")]),
        (b"a\r\r\n", [(0, b"a\r")]),
        (b"a\r", [(0, b"a\r")]),
        (b'"a"\r', [(0, b'"a"\r')]),
        (b'"a\n\nb",c\n d\n', [(0, b'"a\n\nb",c'), (3, b" d")]),
        (b'"a\r\nb"\r\nc\n', [(0, b'"a\r\nb"'), (2, b"c")]),
        (b'a"b\nc"d\n', [(0, b'a"b'), (1, b'c"d')]),
        (b' "a\n "b\n', [(0, b' "a'), (1, b' "b')]),
    ],
)
def test_only_a_line_feed_outside_quotes_ends_a_record(
    before: bytes, data: bytes, expected: list[tuple[int, bytes]]
) -> None:
    skipped = before.count(b"\n")
    records = list(split_records(before + data, b"", ","))[skipped:]
    assert [(record.line - skipped, record.raw) for record in records] == expected


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
@pytest.mark.parametrize("quote", [b"", b'"q"\n'])
def test_a_record_may_be_as_long_as_the_limit_and_no_longer(quote: bytes, end: bytes) -> None:
    *_, fits = split_records(quote + b"x" * (1 << 20) + end, b"", ",")
    *_, exceeds = split_records(quote + b"x" * ((1 << 20) + 1) + end, b"", ",")
    assert (fits.fault, exceeds.fault) == (None, "record_too_long")
    assert exceeds.line == quote.count(b"\n")


def test_a_quote_that_is_never_closed_costs_one_physical_line() -> None:
    data = b'1,"a\n2,b\n3,"c\n4,"d"\n'
    faults = [(record.line, record.raw, record.fault) for record in split_records(data[:9], data[9:], ",", 4)]
    assert faults == [(0, b'1,"a', "bad_quotes"), (1, b"2,b", None)]


def test_lines_before_a_stray_quote_take_time_linear_in_their_number() -> None:
    """Given 150,000 lines, each of which closes the quote of the line before it and opens another

    When nothing closes the last one / I expect each to be rejected: looking ahead from each of them would take hours.
    """
    lines = 150_000
    records = list(split_records(b'x"a,"b\n' * lines + b"c\n", b"", ","))
    assert records == [Record(line, b'x"a,"b', "bad_quotes") for line in range(lines)] + [Record(lines, b"c")]


@settings(max_examples=300)
@given(TEXTS, st.lists(st.sampled_from(('x"a,"b\n', '"\n', ',"\n', '"""a\n', "c\n")), max_size=8), st.integers(1, 20))
def test_lines_before_a_stray_quote_equal_those_of_a_walk_from_each(before: str, lines: list[str], limit: int) -> None:
    text = before + "".join(lines)
    assert list(split_records(text.encode(), b"", ",", limit)) == plain_records(text, limit)


def test_a_quote_may_be_closed_a_full_limit_after_its_opening() -> None:
    limit = 1 << 20
    closed = b'"\n' + b"x" * (limit - 2) + b'"'
    assert [record.fault for record in split_records(closed, b"", ",")] == ["record_too_long"]
    too_late = b'"\n' + b"x" * (limit - 1) + b'"'
    assert [record.fault for record in split_records(too_late, b"", ",")] == ["bad_quotes", None]
