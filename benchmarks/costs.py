"""What a run costs, and what several runs of the same say."""

import statistics
from collections.abc import Iterable
from decimal import Decimal
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
    def of(cls, values: Iterable[float]) -> "Spread":
        """The spread of values."""
        found = list(values)
        return cls(min(found), statistics.median(found), max(found))

    def columns(self, name: str, digits: int) -> dict[str, Decimal]:
        """As columns of a table."""
        named = {"min": self.least, "median": self.median, "max": self.greatest}
        return {f"{name} {which}": rounded(value, digits) for which, value in named.items()}


def rounded(value: float, digits: int) -> Decimal:
    """A number with so many digits behind the point, zeros too, so that columns stand straight."""
    return Decimal(f"{value:.{digits}f}")


def megabytes(size: float) -> int:
    """Whole millions of bytes."""
    return round(size / 1e6)
