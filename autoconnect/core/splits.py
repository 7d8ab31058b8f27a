"""Cutting a source into byte ranges: between physical lines or, if quotes hold line breaks, between records.

For the first, only a small window is read around each cut, so that planning costs a few reads a batch, whatever the
file's size. Whether a line break is in quotes can be told only from the start, so the second reads the whole source.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from autoconnect.core.records import MAX_RECORD_BYTES, NO_STRAY, Form, View, ahead_bytes
from autoconnect.errors import SourceError

#: `read(offset, length)` returns bytes of the source, fewer only at its end.
Read = Callable[[int, int], bytes]

#: 32 MiB: a file with a longer line is no CSV; up to that, a worker holds the line to reject it.
_MAX_LINE_BYTES = 32 << 20
#: How much is read at a time in search of a line's end; records are far shorter.
_WINDOW_BYTES = 4096
#: 4 MiB: so much is read at a time to go from record to record; more only for a record that is longer.
_BLOCK_BYTES = 4 << 20


class ByteRange(NamedTuple):
    """Bytes `offset` to `offset + length` of a source."""

    offset: int
    length: int


def batch_bytes(size: int, workers: int, largest: int, smallest: int = 64 << 10) -> int:
    """Size of a batch where none is set: four batches for each worker, within bounds."""
    return min(max(size // (4 * max(workers, 1)), smallest), largest)


def cut(start: int, end: int, batch_bytes: int, read: Read, line_end: bytes = b"\n") -> Iterator[ByteRange]:
    """Ranges of about `batch_bytes` that cover bytes `start` to `end` of a source, cut between physical lines.

    `start` is the beginning of a line. Raises SourceError if a line is far too long.
    """
    while start < end:
        edge = _line_edge(min(start + batch_bytes, end), end, read, line_end)
        yield ByteRange(start, edge - start)
        start = edge


def cut_at_records(start: int, batch_bytes: int, scan: "RecordScan") -> Iterator[ByteRange]:
    """Ranges of about `batch_bytes` from `start` to the scan's end, cut between records.

    Each is found when it is asked for. Raises SourceError if a record is far too long.
    """
    while start < scan.end:
        edge = scan.edge(min(start + batch_bytes, scan.end))
        yield ByteRange(start, edge - start)
        start = edge


class RecordScan:
    """Goes once through a source, from the start of a record to its end, and finds where it can be cut."""

    def __init__(self, start: int, end: int, read: Read, form: Form, max_record_bytes: int = MAX_RECORD_BYTES) -> None:
        self.end = end
        self._read = read
        self._form = form
        self._max_record_bytes = max_record_bytes
        self._position = start  # a record begins here
        self._stray_quote = NO_STRAY  # the last one that was met
        self._view, self._offset = self._view_of(b"", 0), start

    def edge(self, target: int) -> int:
        """The first edge at or after `target` at which a batch can end."""
        # The worker of a batch that ended before a stray quote might see another quote close after the edge.
        while self._position < (goal := max(target, self._stray_quote + 1)):
            if self._position >= self._offset + self._view.edge:
                self._load(_BLOCK_BYTES)
            if not self._skip_records(goal):
                self._pass_record()
        return self._position

    def _load(self, length: int) -> None:
        """Read this many bytes, and those after them that show where the records that begin in them end."""
        ahead = ahead_bytes(self._max_record_bytes)
        self._view, self._offset = self._view_of(b"", 0), self._position  # frees the text before the next one is read
        text = self._read(self._offset, min(length + ahead, self.end - self._offset))
        self._view = self._view_of(text, length if len(text) == length + ahead else len(text))

    def _view_of(self, text: bytes, edge: int) -> View:
        return View(text, edge, self._form, self._max_record_bytes)

    def _skip_records(self, goal: int) -> bool:
        """Pass the records that end within the limit of one, and tell if there are any."""
        start = self._position - self._offset
        stop = min(start + self._max_record_bytes, goal - self._offset)
        passed_bytes = self._view.skip_records(start, stop) - start
        self._position += passed_bytes
        return passed_bytes > 0

    def _pass_record(self) -> None:
        view, start = self._view, self._position - self._offset
        end, closed = view.record_end(start)
        if not closed:
            self._stray_quote = self._offset + end
            self._pass_lines(start, end)
        elif end < view.edge or view.edge == len(view.text):
            self._position = self._offset + end + 1 if end < len(view.text) else self.end
        elif start > 0:
            self._load(_BLOCK_BYTES)
        elif view.edge < _MAX_LINE_BYTES:
            self._load(min(2 * view.edge, _MAX_LINE_BYTES))
        else:
            raise SourceError(f"A record is longer than {_MAX_LINE_BYTES:,} bytes; quotes must be closed.")

    def _pass_lines(self, start: int, stray_quote: int) -> None:
        """Pass a line, and those after it that end before a stray quote: each of them is a record."""
        line_end = max(self._view.line_end(start), self._view.text.rfind(self._form.line_end, start, stray_quote))
        self._position = self._offset + line_end + 1
        if line_end >= len(self._view.text):
            self._position = _line_edge(self._position, self.end, self._read, self._form.line_end)


def _line_edge(position: int, end: int, read: Read, line_end: bytes) -> int:
    """The first line edge at or after `position`: an edge is after a line end, or at the end of the source."""
    position -= 1
    last = position + _MAX_LINE_BYTES
    while window := read(position, min(_WINDOW_BYTES, end - position)):
        found = window.find(line_end)
        if found >= 0:
            return position + found + 1
        position += len(window)
        if position > last:
            byte = "line feed" if line_end == b"\n" else "carriage return"
            raise SourceError(f"A line is longer than {_MAX_LINE_BYTES:,} bytes; lines must end with a {byte}.")
    return end
