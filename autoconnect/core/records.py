"""Where records and fields begin and end: RFC 4180 quotes, as lenient as files in the field need it.

A quote opens only at the start of a field; behind the closing quote, characters up to the delimiter are taken as they
are. Only a line feed ends a record, and one carriage return before it is dropped. A quote that is not closed within
1 MiB is a stray one: the physical line in which its record begins is a record of its own, and the next line another.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from autoconnect.errors import RecordCrossesBatch

#: 1 MiB: longer records are rejected, and a quote that is not closed within as much is taken for a stray one.
MAX_RECORD_BYTES = 1 << 20
#: Stands for the offset of a stray quote where none was met: it lies before all lines.
NO_STRAY = -1


class Record(NamedTuple):
    """A record that is not blank: `line` counts physical lines from the start of the batch, 0 the first."""

    line: int
    raw: bytes
    fault: str | None = None


def ahead_bytes(max_record_bytes: int = MAX_RECORD_BYTES) -> int:
    """How far behind a batch one must see to tell whether its last quote is closed: one more, for a doubled quote."""
    return max_record_bytes + 1


def split_records(
    data: bytes, ahead: bytes, delimiter: str, max_record_bytes: int = MAX_RECORD_BYTES, stray_quote: int = NO_STRAY
) -> Iterator[Record]:
    """The records of a batch, blank lines left out.

    `data` begins and ends at an edge between physical lines; `ahead` is what follows it in the source, as much as
    `ahead_bytes()` or all there is, and may be empty where `data` has no quote. `stray_quote` is that of `record_end`.

    Raises RecordCrossesBatch where a quoted field begins in `data` and ends in `ahead`.
    """
    if b'"' not in data:
        lines = data.split(b"\n")
        last = lines.pop()  # behind the last line feed, so that a carriage return in it stays
        contents = [line.removesuffix(b"\r") for line in lines] + [last]
        for line, raw in enumerate(contents):
            if raw:
                yield Record(line, raw, "record_too_long" if len(raw) > max_record_bytes else None)
        return
    text = data + ahead if ahead else data
    start = line = 0
    while start < len(data):
        end, closed = record_end(text, start, len(data), delimiter.encode(), max_record_bytes, stray_quote)
        fault = None
        if not closed:
            stray_quote = max(stray_quote, end)
            end, fault = _line_end(text, start), "bad_quotes"
        elif end > len(data):
            raise RecordCrossesBatch("A quoted field with a line break lies across the edge of two batches.")
        raw = text[start:end] if end == len(text) else text[start:end].removesuffix(b"\r")
        if len(raw) > max_record_bytes:
            fault = "record_too_long"
        if raw:
            yield Record(line, raw, fault)
        line += text.count(b"\n", start, end) + 1
        start = end + 1


def split_fields(record: str, delimiter: str) -> list[str]:
    """The fields of a record, unquoted and not yet trimmed."""
    if '"' not in record:
        return record.split(delimiter)
    pattern = _field_pattern(delimiter)
    fields: list[str] = []
    start = 0
    while start <= len(record) and (match := pattern.match(record, start)):
        quoted, rest, plain = match.groups()
        fields.append(plain if quoted is None else quoted.replace('""', '"') + rest)
        start = match.end() + 1
    return fields


def record_end(
    text: bytes,
    start: int,
    edge: int,
    delimiter: bytes,
    max_record_bytes: int = MAX_RECORD_BYTES,
    stray_quote: int = NO_STRAY,
) -> tuple[int, bool]:
    """Where the record that begins at `start` ends, and whether its quotes are closed.

    The end is the offset of its line feed, or of the text's end; for a record that goes on at `edge`, the edge or any
    offset behind it. Where a quote is not closed, it is the offset of that quote. The text goes on for `ahead_bytes()`
    behind the edge, or is all there is.

    `stray_quote` is where such a quote was met from a record that begins before this one. On the way there, each line
    feed but that record's first was found to be in quotes: a record that has one of them in quotes, too, goes the same
    way. Not to go it again, line by line, keeps the time that a file takes in proportion to its size.
    """
    line_end = first_end = _line_end(text, start)
    if text.find(b'"', start, line_end) < 0:
        return line_end, True
    while start < edge:  # a quote that opens behind it may be closed out of sight
        if text.startswith(b'"', start):
            closing = _closing_quote(text, start, max_record_bytes)
            if closing is None:
                return start, False
            if first_end < min(closing, stray_quote):
                return stray_quote, False
            start = closing + 1
            if start > line_end:
                line_end = _line_end(text, start)
        next_delimiter = text.find(delimiter, start, line_end)
        if next_delimiter < 0:
            return line_end, True
        start = next_delimiter + 1
    return start, True


def skip_records(text: bytes, start: int, stop: int, delimiter: bytes) -> int:
    """Where the first record begins, of those from `start` on, that is not whole before `stop`.

    The rules are those of `record_end`, for many records at a time. From `start` to `stop` it must not be farther than
    a quote may be from the one that closes it.
    """
    if text.find(b'"', start, stop) < 0:
        return text.rfind(b"\n", start, stop) + 1 or start
    match = _whole_records(delimiter).match(text, start, stop)
    return match.end() if match else start


def _line_end(data: bytes, start: int) -> int:
    end = data.find(b"\n", start)
    return len(data) if end < 0 else end


def _closing_quote(text: bytes, opening: int, max_record_bytes: int) -> int | None:
    start = opening + 1
    while (quote := text.find(b'"', start, opening + max_record_bytes + 1)) >= 0:
        if not text.startswith(b'"', quote + 1):
            return quote
        start = quote + 2
    return None


@cache
def _field_pattern(delimiter: str) -> re.Pattern[str]:
    plain = f"[^{delimiter}]*"
    return re.compile(f'"((?:[^"]|"")*+)"({plain})|({plain})')


@cache
def _whole_records(delimiter: bytes) -> re.Pattern[bytes]:
    """Any number of records. Out of quotes, a quote opens behind a delimiter or at the start; any other is text."""
    quoted, mark = b'"[^"]*+(?:""[^"]*+)*+"', re.escape(delimiter)
    rest = b'(?:[^"\\n]++|(?<=%b)%b|(?<!%b)")*+' % (mark, quoted, mark)
    return re.compile(b'(?:(?:%b|(?!"))%b\\n)*+' % (quoted, rest))
