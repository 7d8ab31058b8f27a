"""Cutting a source into byte ranges: between physical lines, or, where quotes hold line breaks, between records.

For the first, only a small window is read around each cut, so that planning costs a few reads a batch, whatever the
file's size. Whether a line break is in quotes can be told only from the start, so the second reads the whole source.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from autoconnect.core.records import MAX_RECORD_BYTES, ahead_bytes, record_end, skip_records
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


def cut(start: int, end: int, batch_bytes: int, read: Read) -> Iterator[ByteRange]:
    """Ranges of about `batch_bytes` that cover bytes `start` to `end` of a source, cut between physical lines.

    `start` is the beginning of a line. Raises SourceError where a line is far too long.
    """
    while start < end:
        edge = _line_edge(min(start + batch_bytes, end), end, read)
        yield ByteRange(start, edge - start)
        start = edge


def cut_at_records(start: int, batch_bytes: int, scan: "RecordScan") -> Iterator[ByteRange]:
    """Ranges of about `batch_bytes` from `start` to the scan's end, cut between records.

    Each is found when it is asked for. Raises SourceError where a record is far too long.
    """
    while start < scan.end:
        edge = scan.edge(min(start + batch_bytes, scan.end))
        yield ByteRange(start, edge - start)
        start = edge


class RecordScan:
    """Goes once through a source, from a record's start to its end, and tells where it can be cut."""

    def __init__(
        self, start: int, end: int, read: Read, delimiter: str, max_record_bytes: int = MAX_RECORD_BYTES
    ) -> None:
        self.end = end
        self._read = read
        self._delimiter = delimiter.encode()
        self._max_record_bytes = max_record_bytes
        self._position = start  # a record begins here
        self._stray_quote = start  # the farthest quote that is not closed, seen from a record before the position
        self._text, self._offset, self._edge = b"", start, 0

    def edge(self, target: int) -> int:
        """The first edge at `target` or behind it at which a batch can end."""
        while self._position < (goal := max(target, self._stray_quote)):
            if self._position >= self._offset + self._edge:
                self._load(_BLOCK_BYTES)
            # Before a stray quote, record after record may seem not to end.
            if self._position < self._stray_quote or not self._skip_records(goal):
                self._pass_record()
        return self._position

    def _load(self, length: int) -> None:
        """Reads so many bytes, in which each record that ends there is told for sure, and what must be seen behind."""
        ahead = ahead_bytes(self._max_record_bytes)
        self._text = b""  # not two of them at a time
        self._offset = self._position
        self._text = self._read(self._offset, min(length + ahead, self.end - self._offset))
        is_last = len(self._text) < length + ahead
        self._edge = len(self._text) if is_last else length

    def _skip_records(self, goal: int) -> bool:
        """Passes the records that end within the limit of one, if there are any."""
        start = self._position - self._offset
        stop = min(start + self._max_record_bytes, goal - self._offset)
        passed_bytes = skip_records(self._text, start, stop, self._delimiter) - start
        self._position += passed_bytes
        return passed_bytes > 0

    def _pass_record(self) -> None:
        start = self._position - self._offset
        stray_quote = self._stray_quote - self._offset
        end, closed = record_end(self._text, start, self._edge, self._delimiter, self._max_record_bytes, stray_quote)
        if not closed:
            # A batch that ended before the stray quote might end within quotes that close; its worker would refuse it.
            self._stray_quote = max(self._stray_quote, self._offset + end)
            self._position = _line_edge(self._position + 1, self.end, self._read)
        elif end < self._edge or self._edge == len(self._text):
            self._position = self._offset + end + 1 if end < len(self._text) else self.end
        elif start > 0:
            self._load(_BLOCK_BYTES)
        elif self._edge < _MAX_LINE_BYTES:
            self._load(min(2 * self._edge, _MAX_LINE_BYTES))
        else:
            raise SourceError(f"A record is longer than {_MAX_LINE_BYTES:,} bytes; quotes must be closed.")


def _line_edge(position: int, end: int, read: Read) -> int:
    """The first line edge at `position` or behind it: an edge lies behind a line feed, or at the end."""
    position -= 1
    last = position + _MAX_LINE_BYTES
    while window := read(position, min(_WINDOW_BYTES, end - position)):
        line_feed = window.find(b"\n")
        if line_feed >= 0:
            return position + line_feed + 1
        position += len(window)
        if position > last:
            raise SourceError(f"A line is longer than {_MAX_LINE_BYTES:,} bytes; lines must end with a line feed.")
    return end
