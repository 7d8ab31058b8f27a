"""Where records and fields begin and end: RFC 4180 quotes, with white space around them.

A quote opens a field if only white space stands before it, and is closed by a quote that only white space follows, up
to the delimiter or the line end. A quote that is not closed in this way, or not within 1 MiB, is a stray one: the
physical line in which its record begins is a record of its own, and the next line begins another. A stray quote thus
costs its line and no other.
"""

from collections.abc import Collection, Iterator
from typing import NamedTuple

from autoconnect.core.dialect import Encoding
from autoconnect.core.patterns import patterns, text_field
from autoconnect.errors import RecordCrossesBatch

#: 1 MiB: longer records are rejected, and a quote that is not closed within as much is a stray one.
MAX_RECORD_BYTES = 1 << 20
#: Stands for the offset of a stray quote where none was met: it lies before all lines.
NO_STRAY = -1

_LF = b"\n"
#: Old editors end a file with this byte, Ctrl-Z.
_END_MARK = b"\x1a"
#: No character that is white space is encoded in more bytes.
_SPACE_BYTES = 3


class Form(NamedTuple):
    """How records are written: the byte that ends a field, the byte that ends a line, and the encoding."""

    delimiter: bytes
    line_end: bytes
    encoding: Encoding


class Record(NamedTuple):
    """A record that is not blank, without its line end.

    `line` counts physical lines from the start of the batch, 0 the first; `breaks` is the number of line ends within
    its quotes. Only the last record of a source may lack a line end: then it is not `ended`.
    """

    line: int
    raw: bytes
    fault: str | None = None
    ended: bool = True
    breaks: int = 0


def ahead_bytes(max_record_bytes: int = MAX_RECORD_BYTES) -> int:
    """The number of bytes after a batch that show whether its last quote is closed: one more, for a doubled quote."""
    return max_record_bytes + 1


def split_records(
    data: bytes,
    ahead: bytes,
    form: Form,
    max_record_bytes: int = MAX_RECORD_BYTES,
    stray_quote: int = NO_STRAY,
) -> Iterator[Record]:
    """The records of a batch, blank ones left out.

    `data` begins at the start of a line, and ends after a line end or at the end of the source; `ahead` are the
    `ahead_bytes()` after it, or fewer at the end of the source, and may be empty if `data` has no quote. `stray_quote`
    is that of `View.record_end`.

    Raises RecordCrossesBatch if a quoted field begins in `data` and ends in `ahead`, or if `ahead` does not show it.
    """
    if b'"' not in data:
        yield from _split_lines(data, form, max_record_bytes)
        return
    view = View(data + ahead if ahead else data, len(data), form, max_record_bytes)
    start = line = 0
    while start < len(data):
        end, closed = view.record_end(start, stray_quote)
        fault, breaks = None, 0
        if not closed:
            stray_quote = max(stray_quote, end)
            end, fault = view.line_end(start), "bad_quotes"
        elif end > len(data):
            raise RecordCrossesBatch("A quoted field with a line break lies across the edge of two batches.")
        else:
            breaks = view.text.count(form.line_end, start, end)
        ended = end < view.end
        raw = view.text[start:end]
        if ended and form.line_end == _LF:
            raw = raw.removesuffix(b"\r")
        if not is_blank(raw, form):
            fault = "record_too_long" if len(raw) > max_record_bytes else fault
            yield Record(line, raw, fault, ended, breaks)
        line += breaks + 1
        start = end + 1


def _split_lines(data: bytes, form: Form, max_record_bytes: int) -> Iterator[Record]:
    """The records of a batch without quotes."""
    *lines, last = _physical_lines(data, form)
    match_blank = patterns(*form).blank.fullmatch
    for line, raw in enumerate(lines):
        if not match_blank(raw):
            yield Record(line, raw, "record_too_long" if len(raw) > max_record_bytes else None)
    last = last.removesuffix(_END_MARK)
    if not match_blank(last):
        yield Record(len(lines), last, "record_too_long" if len(last) > max_record_bytes else None, ended=False)


def _physical_lines(data: bytes, form: Form) -> list[bytes]:
    """The lines of a text without their line ends, the last one, which has none, as it is."""
    *lines, last = data.split(form.line_end)
    return [*((line.removesuffix(b"\r") for line in lines) if form.line_end == _LF else lines), last]


def is_blank(raw: bytes, form: Form) -> bool:
    """Whether a record has nothing but delimiters, quotes and white space."""
    return patterns(*form).blank.fullmatch(raw) is not None


def split_fields(record: str, delimiter: str) -> list[str]:
    """The fields of a record, unquoted, but not trimmed."""
    if '"' not in record:
        return record.split(delimiter)
    pattern = text_field(delimiter)
    fields: list[str] = []
    start = 0
    while start <= len(record) and (match := pattern.match(record, start)):
        quoted, plain = match.groups()
        fields.append(plain if quoted is None else quoted.replace('""', '"'))
        start = match.end() + 1
    return fields


def is_suspect(record: Record, form: Form, fields: int, used: Collection[int]) -> bool:
    """Whether the line breaks in the quotes of a record look like those between records with stray quotes.

    `fields` is the number of fields of a record with its surplus, and `used` has the indexes of the columns in use.
    """
    return any(
        index in used or _looks_like_records(text.split(form.line_end), index, form.delimiter, fields)
        for index, text in _quoted_fields(record.raw, form)
        if form.line_end in text
    )


def _looks_like_records(lines: list[bytes], index: int, delimiter: bytes, fields: int) -> bool:
    """Whether a line of the field at an index is a whole record, or the last one the start of a record up to it."""
    delimiters = [line.count(delimiter) for line in lines]
    return fields - 1 in delimiters or delimiters[-1] == index > 0


def physical_lines(record: Record, form: Form) -> list[Record]:
    """The lines of a record that is suspect, each of them a record with bad quotes, blank ones left out."""
    return [
        Record(record.line + number, raw, "bad_quotes", ended=record.ended or number < record.breaks)
        for number, raw in enumerate(_physical_lines(record.raw, form))
        if not is_blank(raw, form)
    ]


def has_stray_line_end(record: Record, form: Form) -> bool:
    """Whether a record of a source with line feeds has a carriage return outside quotes."""
    if form.line_end != _LF or b"\r" not in record.raw:
        return False
    return record.raw.count(b"\r") > sum(text.count(b"\r") for _, text in _quoted_fields(record.raw, form))


def _quoted_fields(raw: bytes, form: Form) -> Iterator[tuple[int, bytes]]:
    """The indexes of quoted fields, and what is between their quotes."""
    pattern, index, start = patterns(*form).field, 0, 0
    while start <= len(raw) and (match := pattern.match(raw, start)):
        if match[1] is not None:
            yield index, match[1]
        index, start = index + 1, match.end() + 1


class View:
    """A piece of a source in which the ends of records are found.

    Records begin before `edge`; the text goes on for `ahead_bytes()` after it, or for fewer up to the end of the
    source. What counts of the text ends at `end`: the source may have an end mark.
    """

    def __init__(self, text: bytes, edge: int, form: Form, max_record_bytes: int = MAX_RECORD_BYTES) -> None:
        self.text = text
        self.edge = edge
        self._form = form
        self._patterns = patterns(*form)
        self._max_record_bytes = max_record_bytes
        self._is_complete = len(text) - edge < ahead_bytes(max_record_bytes)
        self.end = len(text) - (self._is_complete and text.endswith(_END_MARK))

    def line_end(self, start: int) -> int:
        """The offset of the first line end from `start` on, or the text's end."""
        end = self.text.find(self._form.line_end, start, self.end)
        return self.end if end < 0 else end

    def record_end(self, start: int, stray_quote: int = NO_STRAY) -> tuple[int, bool]:
        """Where the record that begins at `start` ends, and whether its quotes are closed.

        The end is the offset of its line end, or the text's end; for a record that goes on at the edge, any offset
        from the edge on. If a quote is not closed, it is the offset of the quote that ought to close it, or of itself
        if there is none within the limit.

        `stray_quote` is such an offset, found for a record that begins before this one. On the way there, each line
        end was found to be in quotes: a record that has one of them in quotes, too, goes the same way. Not to go it
        again, line by line, keeps the time that a file takes in proportion to its size.
        """
        line_end = first_end = self.line_end(start)
        if self.text.find(b'"', start, line_end) < 0:
            return line_end, True
        while start < self.edge:
            quote = self._opening_quote(start, line_end)
            if quote >= self.edge:  # it may be closed out of sight
                return quote, True
            if quote >= 0:
                closing = self._closing_quote(quote)
                if closing < 0:
                    return quote, False
                if first_end < min(closing, stray_quote):
                    return stray_quote, False
                start = self._field_end(closing)
                if start < 0:
                    return closing, False
                if start > line_end:
                    line_end = self.line_end(start)
            next_delimiter = self.text.find(self._form.delimiter, start, line_end)
            if next_delimiter < 0:
                return line_end, True
            start = next_delimiter + 1
        return start, True

    def skip_records(self, start: int, stop: int) -> int:
        """Where the first record from `start` on begins that does not end before `stop`, or one before it.

        The rules are those of `record_end`, for many records at a time; some records are left to it. From `start` to
        `stop` it must not be farther than a quote may be from the one that closes it.
        """
        if self.text.find(b'"', start, stop) < 0:
            return self.text.rfind(self._form.line_end, start, stop) + 1 or start
        match = self._patterns.records.match(self.text, start, stop)
        return match.end() if match else start

    def _opening_quote(self, start: int, line_end: int) -> int:
        match = self._patterns.opening.match(self.text, start, line_end)
        return match.end() - 1 if match else -1

    def _closing_quote(self, opening: int) -> int:
        """The offset of the first quote that is not doubled, -1 if there is none within the limit."""
        start, stop = opening + 1, min(opening + self._max_record_bytes + 1, self.end)
        while (quote := self.text.find(b'"', start, stop)) >= 0 and self.text.startswith(b'"', quote + 1):
            start = quote + 2
        return quote

    def _field_end(self, closing: int) -> int:
        """Where the field of a closing quote ends; the text's end if it is not in sight; -1 if the quote is stray."""
        match = self._patterns.spaces.match(self.text, closing + 1, self.end)
        end = match.end() if match else closing + 1
        if end == self.end or self.text.startswith((self._form.delimiter, self._form.line_end), end):
            return end
        is_cut = not self._is_complete and self.end - end < _SPACE_BYTES
        return self.end if is_cut else -1
