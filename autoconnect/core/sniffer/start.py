"""The first lines of a source, among which its header is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from autoconnect.core.dialect import Delimiter, Encoding
from autoconnect.core.headers import decode_header, holds_records
from autoconnect.core.notes import shown
from autoconnect.core.records import Form, Record, physical_lines, split_fields, split_records
from autoconnect.core.sniffer.lines import SepLine, after_lines
from autoconnect.core.sniffer.sample import HEAD_BYTES

#: The longest header.
MAX_HEADER_BYTES = 1 << 16

#: Characters of a line that a sentence shows.
_MAX_SHOWN = 300


class Line(NamedTuple):
    """A record near the start of a source, as a delimiter splits it; `number` is its physical line, from 1."""

    number: int
    text: str
    delimiter: Delimiter
    fields: Sequence[str]
    breaks: int
    has_bad_quotes: bool
    is_too_long: bool

    def __str__(self) -> str:
        return f"line {self.number:,} is: {shown(self.text, _MAX_SHOWN)}"


@dataclass(frozen=True)
class Start:
    """The start of a source without byte order marks; a line `sep=;` is none of its lines, but is counted."""

    head: bytes
    encoding: Encoding
    line_end: bytes
    sep: SepLine | None

    def lines(self, delimiter: Delimiter, last: int) -> Iterator[Line]:
        """The lines up to physical line `last` that are not blank, as a delimiter splits them."""
        start, before = (self.sep.end, 1) if self.sep else (0, 0)
        head = self.head[:HEAD_BYTES]
        data = head[start : after_lines(head, last, self.line_end)]
        form = Form(delimiter.encode(), self.line_end, self.encoding)
        for record in split_records(data, b"", form, MAX_HEADER_BYTES):
            for line in _lines_of(record, form, delimiter):
                yield line._replace(number=line.number + before)

    def end(self, line: Line) -> int:
        """The offset of the first byte after a line."""
        return after_lines(self.head, line.number + line.breaks, self.line_end)


def _lines_of(record: Record, form: Form, delimiter: Delimiter) -> Iterator[Line]:
    """One line, or one for each physical line of those that stray quotes hold together; names may have line breaks."""
    line = _line(record, delimiter)
    if record.breaks and holds_records(line.fields, delimiter):
        yield from (_line(physical_line, delimiter) for physical_line in physical_lines(record, form))
    else:
        yield line


def _line(record: Record, delimiter: Delimiter) -> Line:
    text = decode_header(record.raw[:MAX_HEADER_BYTES])
    is_too_long = len(record.raw) > MAX_HEADER_BYTES
    has_bad_quotes = record.fault == "bad_quotes"
    return Line(
        record.line + 1, text, delimiter, split_fields(text, delimiter), record.breaks, has_bad_quotes, is_too_long
    )
