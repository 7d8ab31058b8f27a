"""The bytes of a source from which its dialect is judged: its start, and windows spread over the rest."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

#: A source of up to 5 MiB is judged from all of its bytes ...
WHOLE_BYTES = 5 << 20
#: ... a larger one from its first 1 MiB ...
HEAD_BYTES = 1 << 20
#: ... and from 64 windows of 64 KiB, evenly spread over it.
WINDOWS = 64
WINDOW_BYTES = 1 << 16


@dataclass(frozen=True)
class Sample:
    """Bytes of a source of `size` bytes: its `head`, and the `windows` that lie beyond it if it is not the whole."""

    head: bytes
    windows: Sequence[bytes]
    size: int

    @property
    def is_whole(self) -> bool:
        """Whether the head is the whole source."""
        return len(self.head) >= self.size

    def row_windows(self) -> Iterator[tuple[int, bytes]]:
        """What rows are read from, with its offset: the first window, less of each next one, the end of the last one.

        So the first rows of each are spread over all of the source. The windows of a whole source are parts of it.
        """
        for number, offset in enumerate(window_offsets(self.size)):
            start = WINDOW_BYTES * number // WINDOWS
            if self.is_whole:
                yield offset + start, self.head[offset + start : offset + WINDOW_BYTES]
            elif number < len(self.windows):
                yield offset + start, self.windows[number][start:]


def read_sample(size: int, read: Callable[[int, int], bytes]) -> Sample:
    """The sample of a source of `size` bytes; `read(offset, length)` returns bytes of it."""
    if size <= WHOLE_BYTES:
        return Sample(read(0, size), [], size)
    return Sample(read(0, HEAD_BYTES), [read(offset, WINDOW_BYTES) for offset in window_offsets(size)], size)


def window_offsets(size: int) -> list[int]:
    """The offsets of the windows of a source: spread evenly, the last one at its end; all at 0 in a small source."""
    last = max(size - WINDOW_BYTES, 0)
    return [last * number // WINDOWS for number in range(1, WINDOWS + 1)]
