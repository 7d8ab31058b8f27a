"""Cutting a source into byte ranges that begin and end between physical lines.

Only a small window is read around each cut, so that planning costs a few reads a batch, whatever the file's size.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from autoconnect.errors import SourceError

#: 64 MiB: a file with a longer line is no CSV; up to that, a worker holds the line to reject it.
_MAX_LINE_BYTES = 64 << 20
#: How much is read at a time in search of a line's end; records are far shorter.
_WINDOW_BYTES = 4096


class ByteRange(NamedTuple):
    """Bytes `offset` to `offset + length` of a source."""

    offset: int
    length: int


def batch_bytes(size: int, workers: int, largest: int, smallest: int = 64 << 10) -> int:
    """Size of a batch where none is set: four batches for each worker, within bounds."""
    return min(max(size // (4 * max(workers, 1)), smallest), largest)


def cut(start: int, end: int, batch_bytes: int, read: Callable[[int, int], bytes]) -> Iterator[ByteRange]:
    """Ranges of about `batch_bytes` that cover bytes `start` to `end` of a source.

    `start` is the beginning of a line; `read(offset, length)` returns bytes of the source. Raises SourceError where a
    line is far too long.
    """
    while start < end:
        edge = _line_edge(min(start + batch_bytes, end), end, read)
        yield ByteRange(start, edge - start)
        start = edge


def _line_edge(position: int, end: int, read: Callable[[int, int], bytes]) -> int:
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
