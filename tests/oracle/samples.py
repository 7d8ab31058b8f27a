"""The parts of a file that its dialect is judged from."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar

HEAD_BYTES = 1 << 20
WINDOW_BYTES = 64 << 10
WINDOWS = 64
#: A file of up to this size is judged as a whole.
WHOLE_BYTES = 5 << 20
#: Rows of the head, and lines of each window, that amounts and dates are judged from.
SAMPLE_ROWS = 1_000
WINDOW_ROWS = 30

Row = TypeVar("Row")


class Piece(NamedTuple):
    """Bytes of a file, and whether they begin or end inside the file."""

    data: bytes
    cut_before: bool
    cut_after: bool


def piece(data: bytes, start: int, length: int) -> Piece:
    """A part of a file."""
    return Piece(data[start : start + length], start > 0, start + length < len(data))


def window_starts(size: int) -> Sequence[int]:
    """Where the windows of a file begin: spread evenly, the last one at the file's end; in a small file, all at 0."""
    last = max(size - WINDOW_BYTES, 0)
    return [last * number // WINDOWS for number in range(1, WINDOWS + 1)]


def pieces(data: bytes) -> list[Piece]:
    """What encoding, line end, delimiter and header are judged from."""
    if len(data) <= WHOLE_BYTES:
        return [piece(data, 0, len(data))]
    return [
        piece(data, 0, HEAD_BYTES),
        *(piece(data, start, WINDOW_BYTES) for start in window_starts(len(data))),
    ]


def from_windows(data: bytes, place: int, end: bytes, read: Callable[[bytes], Row | None]) -> Iterator[Row]:
    """What is read of the first good lines of each window: those of which `read` makes something.

    The first lines of the second window are those after its first 64th part, and so on: they are spread over the whole
    file. No line counts twice: none before `place`, the start of a line, and none that was looked at in another window.
    The first line may be cut, unless it begins where the last one ended.
    """
    for number, window in enumerate(window_starts(len(data))):
        start, stop, found = window + WINDOW_BYTES * number // WINDOWS, window + WINDOW_BYTES, 0
        line = place if place >= start else data.find(end, start, stop) + 1 or stop
        while found < WINDOW_ROWS and (next_line := data.find(end, line, stop) + 1):
            row = read(data[line:next_line])
            if row is not None:
                found += 1
                yield row
            line = place = next_line
