"""The ends of records and fields, compared with a reader of one character at a time and with the csv module."""

import csv
from collections import Counter
from io import StringIO

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from autoconnect.core.dialect import Dialect
from autoconnect.core.layout import Layout
from autoconnect.core.records import (
    Form,
    Record,
    View,
    ahead_bytes,
    has_stray_line_end,
    is_blank,
    is_suspect,
    physical_lines,
    split_fields,
    split_records,
)
from autoconnect.errors import RecordCrossesBatch
from tests.unit.texts import CSV, FORMS, SPACED_TEXTS, TEXTS, plain_records, walk, written

CR = Form(b",", b"\r", "utf-8")
CP1252 = Form(b",", b"\n", "cp1252")
TAB = Form(b"\t", b"\n", "utf-8")
LIMIT = 1 << 20


def faults(data: bytes, form: Form = CSV, limit: int = LIMIT) -> list[tuple[int, str | None]]:
    return [(record.line, record.fault) for record in split_records(data, b"", form, limit)]


def raws(data: bytes, form: Form = CSV) -> list[tuple[int, bytes]]:
    return [(record.line, record.raw) for record in split_records(data, b"", form)]


def only(data: bytes, form: Form = CSV) -> Record:
    (record,) = split_records(data, b"", form)
    return record


def test_a_layout_has_the_form_of_its_records() -> None:
    dialect = Dialect("cp1252", "cr", ";")
    assert Layout(dialect, fields=0, positions={}, data_start=0, header_lines=0).form == (b";", b"\r", "cp1252")


@settings(max_examples=500)
@given(st.one_of(TEXTS, SPACED_TEXTS), FORMS, st.integers(1, 20))
def test_records_equal_those_of_a_walk_over_all_characters(text: str, form: Form, limit: int) -> None:
    data = written(text, form)
    assert list(split_records(data, b"", form, limit)) == plain_records(data, form, limit)


@settings(max_examples=300)
@given(TEXTS)
def test_whole_records_are_skipped_up_to_the_first_that_does_not_end(text: str) -> None:
    data = written(text, CSV)
    start = 0
    while (end := walk(data, start, CSV, len(data))) is not None and end < len(data):
        start = end + 1
    assert View(data, len(data), CSV).skip_records(0, len(data)) == start


@settings(max_examples=500)
@given(SPACED_TEXTS, FORMS)
def test_records_with_any_white_space_are_skipped_one_by_one_if_not_at_once(text: str, form: Form) -> None:
    data = written(text, form)
    skipped = View(data, len(data), form).skip_records(0, len(data))
    start = 0
    while start < skipped:
        end = walk(data, start, form, len(data))
        assert end is not None
        start = end + 1
    assert start == skipped


@settings(max_examples=1_000)
@given(st.one_of(TEXTS, SPACED_TEXTS), st.one_of(TEXTS, SPACED_TEXTS), FORMS, st.integers(1, 20))
def test_a_cut_gives_the_same_records_or_is_refused(before: str, after: str, form: Form, limit: int) -> None:
    first, second = written(f"{before}\n", form), written(after, form)
    try:
        records = list(split_records(first, second[: ahead_bytes(limit)], form, limit))
    except RecordCrossesBatch:
        assume(False)
    lines = first.count(form.line_end)
    records += [record._replace(line=lines + record.line) for record in split_records(second, b"", form, limit)]
    assert records == list(split_records(first + second, b"", form, limit))


@settings(max_examples=300)
@given(TEXTS)
def test_fields_equal_those_of_the_csv_module(text: str) -> None:
    end = walk(text.encode(), 0, CSV, len(text.encode()))
    record = text.encode()[:end].decode().removesuffix("\r")
    assume(end is not None and record)
    assert split_fields(record, ",") == next(csv.reader(StringIO(record, newline="")))


@settings(max_examples=300)
@given(SPACED_TEXTS, FORMS)
def test_there_are_as_many_fields_as_a_walk_passes_delimiters_outside_quotes(text: str, form: Form) -> None:
    for record in split_records(written(text, form), b"", form):
        if record.fault is None:
            fields = split_fields(record.raw.decode(form.encoding), form.delimiter.decode())
            assert len(fields) == len(rest_of_fields(record.raw, form))


def rest_of_fields(raw: bytes, form: Form) -> list[int]:
    """The offsets of the fields of a record: from each of them on, the rest is a record, too."""
    starts, start = [0], 0
    ends_field = form._replace(line_end=form.delimiter, delimiter=form.line_end)
    while (end := walk(raw, start, ends_field, len(raw))) is not None and end < len(raw):
        start = end + 1
        starts.append(start)
    return starts


@pytest.mark.parametrize(
    ("record", "delimiter", "fields"),
    [
        ('a, "Clio", 1', ",", ["a", "Clio", " 1"]),
        ('"Clio" ,b', ",", ["Clio", "b"]),
        ('\ufeff"id",\u2003" b "\u00a0', ",", ["id", " b "]),
        ('a\t "b\t"\t', "\t", ["a", "b\t", ""]),
        ('5" rim|"x""y"|""', "|", ['5" rim', 'x"y', ""]),
        ('a "b", "c', ",", ['a "b"', ' "c']),
    ],
)
def test_white_space_around_quotes_is_not_part_of_a_field(record: str, delimiter: str, fields: list[str]) -> None:
    assert split_fields(record, delimiter) == fields


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b",\n"])
@pytest.mark.parametrize("before", [b"", b" ", b"\t \xc2\xa0", b"\xe2\x80\xaf", b"\xef\xbb\xbf", b" \xef\xbb\xbf "])
@pytest.mark.parametrize("after", [b"", b" ", b"\t\xc2\xa0", b"\xe3\x80\x80"])
def test_white_space_may_stand_around_quotes(before: bytes, after: bytes, end: bytes) -> None:
    record = only(b"a," + before + b'"b\nc"' + after + end)
    assert (record.fault, record.breaks) == (None, 1)


@pytest.mark.parametrize("after", [b"x", b" x", b'x"', b' "', b"\xef\xbb\xbf", b"\xe2\x80\x8b", b"\xc2", b"\x1a"])
def test_a_closing_quote_that_other_text_follows_is_stray(after: bytes) -> None:
    """Given a quote that is closed on the next line, but with text after it / I expect each line to be a record."""
    assert faults(b'1,"a\nb"' + after + b",c\n2,d\n") == [(0, "bad_quotes"), (1, None), (2, None)]


def test_a_stray_quote_costs_its_line_and_no_other() -> None:
    data = b'1,"Clio 5 portes,2\n2,"a",3\n3,b,4\n4,c","d\n'
    assert faults(data) == [(0, "bad_quotes"), (1, None), (2, None), (3, "bad_quotes")]


@pytest.mark.parametrize("data", [b'a"b\nc"d\n', b'x "a\nx "b\n', b'\xe2\x80\x8b"a\n\xe2\x80\x8b"b\n'])
def test_a_quote_after_other_text_is_text(data: bytes) -> None:
    assert faults(data) == [(0, None), (1, None)]


def test_a_tab_that_ends_fields_is_no_white_space() -> None:
    assert faults(b'a "\t"b\nc"\t1\n', TAB) == [(0, None)]
    assert faults(b'"b"\t"c"\n', CSV) == [(0, "bad_quotes")]


def test_white_space_is_that_of_the_encoding() -> None:
    assert faults(b'a,\xa0"b\nc"\xa0\n', CP1252) == [(0, None)]
    assert faults(b'a,"b\nc"\x85\n', CP1252) == [(0, "bad_quotes"), (1, None)]
    assert faults(b'\xef\xbb\xbf"b\nc"\n', CP1252) == [(0, None), (1, None)]
    assert faults(b'a,"b\nc"\xa0\n', CSV) == [(0, "bad_quotes"), (1, None)]


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
        (b"a\n\x1a", [(0, b"a")]),
        (b"a\x1a\nb\x1a", [(0, b"a\x1a"), (1, b"b")]),
        (b"a\x1a\x1a", [(0, b"a\x1a")]),
        (b'"a"\x1a', [(0, b'"a"')]),
    ],
)
def test_only_a_line_feed_outside_quotes_ends_a_record(
    before: bytes, data: bytes, expected: list[tuple[int, bytes]]
) -> None:
    skipped = before.count(b"\n")
    records = raws(before + data)[skipped:]
    assert [(line - skipped, raw) for line, raw in records] == expected


@pytest.mark.parametrize("before", [b"", b'"q"\r'])
def test_in_a_file_without_line_feeds_a_carriage_return_ends_a_record(before: bytes) -> None:
    lines = before.count(b"\r")
    records = raws(before + b"a\r\rb\n\rc", CR)[lines:]
    assert records == [(lines, b"a"), (lines + 2, b"b\n"), (lines + 3, b"c")]


@pytest.mark.parametrize("form", [CSV, CR])
@pytest.mark.parametrize("last", [b"b", b'"b"', b'"b', b"b\x1a", b'"b"\x1a'])
def test_a_last_record_without_line_end_is_marked(form: Form, last: bytes) -> None:
    records = list(split_records(b"a" + form.line_end + last, b"", form))
    assert [record.ended for record in records] == [True, False]
    assert all(record.ended for record in split_records(b"a" + last + form.line_end, b"", form))


@pytest.mark.parametrize(
    "line", [b" \t", b",,,", b'"",""', b', " ",\xc2\xa0', b"\r", b'"', b',"', b'"\n",', b" " * 999]
)
def test_a_record_of_delimiters_quotes_and_white_space_is_blank(line: bytes) -> None:
    assert is_blank(line, CSV)
    assert [record.raw for record in split_records(b"a\n" + line + b"\nb\n", b"", CSV, 20)] == [b"a", b"b"]


@pytest.mark.parametrize("line", [b"\xef\xbb\xbf", b"\xe2\x80\x8b", b"\x00", b",;,", b"\xa0"])
def test_a_record_with_any_other_character_is_not_blank(line: bytes) -> None:
    assert [record.raw for record in split_records(line + b"\n", b"", CSV)] == [line]


def test_blank_is_judged_after_quotes() -> None:
    assert raws(b'1,"a\n,,\nb"\n,,\n2\n') == [(0, b'1,"a\n,,\nb"'), (4, b"2")]


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
@pytest.mark.parametrize("quote", [b"", b'"q"\n'])
def test_a_record_may_be_as_long_as_the_limit_and_no_longer(quote: bytes, end: bytes) -> None:
    *_, fits = split_records(quote + b"x" * LIMIT + end, b"", CSV)
    *_, exceeds = split_records(quote + b"x" * (LIMIT + 1) + end, b"", CSV)
    assert (fits.fault, exceeds.fault) == (None, "record_too_long")
    assert exceeds.line == quote.count(b"\n")


def test_a_quote_that_is_never_closed_costs_one_physical_line() -> None:
    data = b'1,"a\n2,b\n3,"c\n4,"d"\n'
    faults = [(record.line, record.raw, record.fault) for record in split_records(data[:9], data[9:], CSV, 4)]
    assert faults == [(0, b'1,"a', "bad_quotes"), (1, b"2,b", None)]


def test_a_quote_may_be_closed_a_full_limit_after_its_opening() -> None:
    closed = b'"\n' + b"x" * (LIMIT - 2) + b'"'
    assert faults(closed) == [(0, "record_too_long")]
    too_late = b'"\n' + b"x" * (LIMIT - 1) + b'"'
    assert faults(b"a" + too_late[1:]) == [(0, None), (1, None)]
    assert faults(b"1," + too_late) == [(0, "bad_quotes"), (1, None)]


# What a worker sees after its batch


def test_a_quote_that_closes_after_a_cut_and_opens_again_is_refused() -> None:
    """Given a quote that closes after the edge, and a second one that opens there and closes out of sight

    When the batch is read / I expect it to be refused: with the whole file in sight, the two lines are one record.
    """
    data, rest = b'a,"b\n', b'c","ddddddd"\n'
    assert faults(data + rest, limit=8) == [(0, "record_too_long")]
    with pytest.raises(RecordCrossesBatch):
        list(split_records(data, rest[: ahead_bytes(8)], CSV, 8))


def test_a_quote_that_closes_badly_after_a_cut_is_stray_in_the_batch() -> None:
    records = list(split_records(b'1,"a\n', b'2,"b"\n', CSV))
    assert records == [Record(0, b'1,"a', "bad_quotes")]


@pytest.mark.parametrize("rest", [b"bb" + b'"' + b" " * 90 + b"x\n", b"bbbbbbb" + b'"\xc2\xa0x\n', b'bbbbbbb"  \x1a'])
def test_a_batch_is_refused_if_what_follows_a_closing_quote_is_out_of_sight(rest: bytes) -> None:
    data = b'"a\n'
    with pytest.raises(RecordCrossesBatch):
        list(split_records(data, rest[: ahead_bytes(10)], CSV, 10))


def test_an_end_mark_after_a_cut_is_seen_as_the_end() -> None:
    with pytest.raises(RecordCrossesBatch):
        list(split_records(b'1,"a\n', b'b"\x1a', CSV))


# Time


@pytest.mark.parametrize(
    ("line", "last", "form"),
    [
        (b'a","b\n', b"c\n", CSV),  # each line closes the quote of the line before it and opens another
        (b'a","b\n', b'c"x\n', CSV),
        (b'a" ,\xef\xbb\xbf "b\n', b"c\n", CSV),
        (b'a"|"b\r', b"c\r", CR._replace(delimiter=b"|")),
    ],
)
def test_lines_before_a_stray_quote_take_time_linear_in_their_number(line: bytes, last: bytes, form: Form) -> None:
    """Given 150,000 lines that are one record but for the last quote / I expect each to be rejected, and in seconds:

    looking ahead from each of them would take hours.
    """
    lines = 150_000
    records = list(split_records(line * lines + last, b"", form))
    assert records == [
        *(Record(number, line[:-1], "bad_quotes") for number in range(lines)),
        Record(lines, last[:-1]),
    ]


@pytest.mark.parametrize(
    ("text", "rejected"),
    [
        (b'"\n' + b'","\n' * 150_000, 0),  # blank lines, but one record if the last quote were closed
        (b'1,"\n' + b'2","\n' * 150_000, 150_001),
        (b'"a\n' * 300_000, 300_000),
        (b'"a"x\n' * 200_000, 200_000),
        (b'"a' + b"\n" * 800_000 + b'","' + b"\n" * 800_000, 1),
        (b'"' + b'\n""x' * 200_000, 200_000),
        ((b'1,"' + b" " * 60_000 + b'"' + b" " * 60_000 + b"x\n") * 20, 20),
    ],
)
def test_hostile_quotes_take_time_linear_in_their_number(text: bytes, rejected: int) -> None:
    assert Counter(record.fault for record in split_records(text, b"", CSV))["bad_quotes"] == rejected


@settings(max_examples=300)
@given(
    st.one_of(TEXTS, SPACED_TEXTS),
    st.lists(st.sampled_from(('a","b\n', 'x"a,"b\n', '"\n', ',"\n', '"""a\n', '" ,"\n', "c\n")), max_size=8),
    FORMS,
    st.integers(1, 20),
)
def test_lines_before_a_stray_quote_equal_those_of_a_walk_from_each(
    before: str, lines: list[str], form: Form, limit: int
) -> None:
    data = written(before + "".join(lines), form)
    assert list(split_records(data, b"", form, limit)) == plain_records(data, form, limit)


# Line breaks in quotes

SEVEN = 7
USED = {0, 1, 2, 3, 4, 5}


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (b'1,"2024\n",Lyon,vente,Clio,1,note\n', True),  # in a used column
        (b'1,2024,Lyon,vente,Clio,1,"a note\nof two lines"\n', False),
        (b'1,2024,Lyon,vente,Clio,1,"a, b,\nc, d"\n', False),
        (b'1,2024,Lyon,vente,Clio,1,"a\n2,2024,Lyon,vente,Clio,1,b\nc"\n', True),  # a line is a record
        (b'1,2024,Lyon,vente,Clio,1,"a\n2,2024,Lyon,vente,Clio,1,b"\n', True),  # the last line ends where it began
        (b'1,2024,Lyon,vente,Clio,1,"a,b,c,d,e,f,g\nb"\n', True),
        (b'1,2024,Lyon,vente,Clio,1,"a,b,c,d,e,f,g"\n', False),  # no line break
        (b'1,2024,Lyon,vente,Clio,1, "a\r\n2,2024,Lyon,vente,Clio,1,b" \r\n', True),
        (b'"1",2024,Lyon,vente,Clio,1, "a""\nb"\n', False),
    ],
)
def test_quoted_line_breaks_that_look_like_two_stray_quotes_are_suspect(record: bytes, expected: bool) -> None:
    assert is_suspect(only(record), CSV, SEVEN, USED) == expected


@pytest.mark.parametrize(("index", "expected"), [(0, False), (1, True), (2, False)])
def test_the_last_line_of_a_field_is_compared_with_its_place(index: int, expected: bool) -> None:
    fields = [b"x"] * SEVEN
    fields[index] = b'"a\nb,c"' if index else b'"a\nb"'
    assert is_suspect(only(b",".join(fields) + b"\n"), CSV, SEVEN, set()) == expected


def test_lines_of_a_suspect_record_are_records_with_bad_quotes() -> None:
    record = Record(5, b'1,"a\r\n\r\n ,\n2,b"\r', None, ended=False, breaks=3)
    assert physical_lines(record, CSV) == [
        Record(5, b'1,"a', "bad_quotes"),
        Record(8, b'2,b"\r', "bad_quotes", ended=False),
    ]
    assert physical_lines(only(b'1,"a\r2\n"\r', CR), CR) == [
        Record(0, b'1,"a', "bad_quotes"),
        Record(1, b'2\n"', "bad_quotes"),
    ]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"a\rb\n", True),
        (b"a\r\r\n", True),
        (b"a\r\n", False),
        (b'"a\rb"\r\n', False),
        (b'"a\rb",\r"c"\n', True),
        (b'"a\rb"\r,c\n', True),
    ],
)
def test_a_carriage_return_outside_quotes_is_a_stray_line_end(data: bytes, expected: bool) -> None:
    assert has_stray_line_end(only(data), CSV) == expected
    assert not has_stray_line_end(Record(0, data), CR)
