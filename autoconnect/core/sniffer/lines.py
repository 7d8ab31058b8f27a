"""Physical lines: what ends them, and a first line `sep=;` that names the delimiter."""

from typing import NamedTuple, get_args

from autoconnect.core.dialect import Delimiter, LineEnd
from autoconnect.core.headers import decode_header, named_delimiter
from autoconnect.core.notes import shown
from autoconnect.core.sniffer.sample import HEAD_BYTES
from autoconnect.core.sniffer.sightings import Judged
from autoconnect.errors import SourceError

LINE_ENDS = {"lf": b"\n", "cr": b"\r"}

#: Bytes of a line that names the delimiter; a table that was saved with it may be wide.
_SEP_BYTES = 1 << 12


class SepLine(NamedTuple):
    """A first line that names the delimiter, and where the next line begins."""

    delimiter: Delimiter
    text: str
    end: int


def judge_line_end(head: bytes) -> Judged[LineEnd]:
    """What ends a line: a line feed, or a carriage return if the head has no line feed."""
    if b"\n" in head[:HEAD_BYTES]:
        return Judged("lf", "the head has line feeds")
    return Judged("cr", "the head has no line feed")


def after_lines(data: bytes, lines: int, line_end: bytes, start: int = 0) -> int:
    """Where a line begins: `lines` lines after `start`, or at the end of the data if it has fewer."""
    for _ in range(lines):
        start = data.find(line_end, start) + 1
        if not start:
            return len(data)
    return start


def read_sep_line(head: bytes, line_end: bytes, given: Delimiter | None) -> SepLine | None:
    """The first line of a source if it names the delimiter; a given one stands above it.

    Raises SourceError if it names a delimiter that is not supported, and none is given.
    """
    end = after_lines(head[:_SEP_BYTES], 1, line_end)
    text = decode_header(head[:end]).rstrip("\r\n")
    named = named_delimiter(text)
    if named is None:
        return None
    for delimiter in get_args(Delimiter):
        if delimiter == (given or named):
            return SepLine(delimiter, text, end)
    raise SourceError(
        f"Line 1 is {shown(text)}, but a delimiter must be one of , ; tab |; write the file with one of them, or give "
        f"the one that it has (--dialect delimiter=tab)."
    )
