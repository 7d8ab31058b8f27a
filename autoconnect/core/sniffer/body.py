"""Where the sampled rows of a source are: the first ones after its header, and some of each window."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from autoconnect.core.sniffer.lines import after_lines
from autoconnect.core.sniffer.rows import Row, RowReader
from autoconnect.core.sniffer.sample import HEAD_BYTES, Sample

#: Rows that are read at the start of a source, and in each window.
HEAD_ROWS = 1_000
WINDOW_ROWS = 30


class Head(NamedTuple):
    """The first rows of a source, and the offset of the first line after them."""

    rows: Sequence[Row]
    end: int


@dataclass(frozen=True)
class Body:
    """What follows the header in a source: it begins at offset `start` with physical line `line`, from 1."""

    sample: Sample
    start: int
    line: int
    reader: RowReader

    def read_head(self) -> Head:
        """The first rows of the head."""
        head = self.sample.head[:HEAD_BYTES]
        data, is_whole = head[self.start :], len(head) == self.sample.size
        first = data[: after_lines(data, HEAD_ROWS, self._line_end)]
        rows = list(self.reader.rows(first, self.line, is_whole=is_whole and len(first) == len(data)))
        if len(rows) < HEAD_ROWS and len(first) < len(data):  # some lines are no rows
            rows = list(islice(self.reader.rows(data, self.line, is_whole=is_whole), HEAD_ROWS))
        return Head(rows, self.start + self._length(data, rows, is_whole=is_whole))

    def window_rows(self, start: int, is_right: Callable[[Row], bool]) -> Iterator[Row]:
        """The first right rows of each window, each whole line from offset `start` on being a record; none twice."""
        numbers = _LineNumbers(self.sample, self._line_end)
        for offset, window in self.sample.row_windows():
            whole = window.rfind(self._line_end) + 1  # the last line may be cut, and the first one
            position = start - offset if offset <= start else window.find(self._line_end) + 1
            found = 0
            while found < WINDOW_ROWS and position < whole:
                end = min(after_lines(window, WINDOW_ROWS - found, self._line_end, position), whole)
                rows = self._lines_as_rows(window[position:end], numbers.at(offset + position))
                right_rows = list(filter(is_right, rows))
                yield from right_rows
                found += len(right_rows)
                position, start = end, offset + end

    def _lines_as_rows(self, data: bytes, line: int | None) -> Iterator[Row]:
        """The rows of whole lines; each line is read as a record, even if a quote is open at its end."""
        if b'"' not in data:
            yield from self.reader.rows(data, line)
            return
        for number, raw in enumerate(data.split(self._line_end)[:-1]):
            yield from self.reader.rows(raw + self._line_end, None if line is None else line + number)

    def _length(self, data: bytes, rows: Sequence[Row], *, is_whole: bool) -> int:
        """The bytes of the first rows, or of the whole head if that has fewer; its last line may be cut."""
        if len(rows) == HEAD_ROWS:
            return after_lines(data, rows[-1].record.line + rows[-1].record.breaks + 1, self._line_end)
        return len(data) if is_whole else data.rfind(self._line_end) + 1

    @property
    def _line_end(self) -> bytes:
        return self.reader.form.line_end


class _LineNumbers:
    """Counts the lines of a source that is sampled as a whole; `at` is asked for offsets in their order."""

    def __init__(self, sample: Sample, line_end: bytes) -> None:
        self._sample = sample
        self._line_end = line_end
        self._line, self._offset = 1, 0

    def at(self, offset: int) -> int | None:
        """The line that begins at an offset; None if it cannot be known."""
        if not self._sample.is_whole:
            return None
        self._line += self._sample.head.count(self._line_end, self._offset, offset)
        self._offset = offset
        return self._line
