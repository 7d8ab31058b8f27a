"""Where the lines of batches are in the files of a source: a batch knows only its own lines."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from autoconnect.core.plan import Part
from autoconnect.core.schema import trimmed


class Place(NamedTuple):
    """A physical line of a file, the first being 1."""

    part: Part
    line: int

    def column(self, meaning: str) -> str:
        """The name of a column in the header of the file, or its meaning if the file lacks it."""
        layout = self.part.layout
        index = layout.positions.get(meaning)
        return meaning if index is None else trimmed(layout.names[index])


class FileLines:
    """Finds the file and the line there of each line of the batches of a whole job."""

    def __init__(self, lines: Mapping[int, int], parts: Sequence[Part]) -> None:
        """`lines` has the number of physical lines of each batch."""
        self._parts = parts
        self._first_batches = [part.first_batch for part in parts]
        self._first_lines: dict[int, int] = {}
        line = 0
        for batch in sorted(lines):
            part = self._part(batch)
            if batch == part.first_batch:
                line = part.layout.header_lines + 1
            self._first_lines[batch] = line
            line += lines[batch]

    def place(self, batch: int, line: int) -> Place:
        """The place of a line of a batch, the first being 0."""
        return Place(self._part(batch), self._first_lines[batch] + line)

    def shown(self, batch: int, line: int) -> str:
        """A line in a sentence, with its file if the source has several."""
        place = self.place(batch, line)
        return f"line {place.line:,}" + (f" of {place.part.name}" if len(self._parts) > 1 else "")

    def _part(self, batch: int) -> Part:
        return self._parts[bisect_right(self._first_batches, batch) - 1]
