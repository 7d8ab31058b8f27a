"""The cost of one run, and the spread over several runs."""

import statistics
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple


class Cost(NamedTuple):
    """The cost of one run: seconds of wall time and of CPU, and the peak of memory."""

    wall_s: float
    cpu_s: float
    peak_bytes: int


class Spread(NamedTuple):
    """The least, the median and the greatest of several values."""

    least: float
    median: float
    greatest: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        """The spread of some values; there must be at least one."""
        numbers = list(values)
        return cls(min(numbers), statistics.median(numbers), max(numbers))

    def columns(self, name: str, digits: int) -> dict[str, Decimal]:
        """The columns `NAME min`, `NAME median` and `NAME max` of a table."""
        values = {"min": self.least, "median": self.median, "max": self.greatest}
        return {f"{name} {statistic}": rounded(value, digits) for statistic, value in values.items()}


def rounded(value: float, digits: int) -> Decimal:
    """A number with `digits` digits after the point, trailing zeros included, so that columns line up."""
    return Decimal(f"{value:.{digits}f}")


def megabytes(size: float) -> int:
    """Whole millions of bytes."""
    return round(size / 1e6)
