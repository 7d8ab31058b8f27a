"""What a run costs, and what several runs of the same say."""

import statistics
from collections.abc import Iterable
from typing import NamedTuple


class Cost(NamedTuple):
    """Of one run: seconds of wall time and of CPU, and the peak of memory."""

    wall_s: float
    cpu_s: float
    peak_bytes: int


class Spread(NamedTuple):
    """Least, median and greatest of several values."""

    least: float
    median: float
    greatest: float

    @classmethod
    def of(cls, values: Iterable[float], digits: int = 3) -> "Spread":
        """The spread of values, rounded."""
        found = list(values)
        return cls(*(round(value, digits) for value in (min(found), statistics.median(found), max(found))))

    def columns(self, name: str) -> dict[str, float]:
        """As columns of a table."""
        return {f"{name} min": self.least, f"{name} median": self.median, f"{name} max": self.greatest}


def megabytes(size: float) -> int:
    """Whole millions of bytes."""
    return round(size / 1e6)
