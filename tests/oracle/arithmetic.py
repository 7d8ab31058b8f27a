"""Sums, shares and months of rows, exact and rounded once."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any, TypeVar

from tests.oracle.rows import Row

Table = list[dict[str, Any]]
Key = TypeVar("Key", bound=Hashable)


def grouped(rows: Iterable[Row], key: Callable[[Row], Key]) -> list[tuple[Key, list[Row]]]:
    """Rows grouped by a key, in the order of the keys."""
    groups: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return sorted(groups.items(), key=lambda item: item[0])


def sales(rows: Iterable[Row]) -> list[Row]:
    """The cars that were sold."""
    return [row for row in rows if row.type == "vente"]


def rentals(rows: Iterable[Row]) -> list[Row]:
    """The cars that were rented."""
    return [row for row in rows if row.type == "location"]


def total(rows: Iterable[Row]) -> int:
    """Revenue in cents."""
    return sum(row.price for row in rows)


def revenue(rows: Iterable[Row]) -> Decimal | None:
    """Revenue in euros."""
    return over(total(rows), 100)


def average(rows: Sequence[Row]) -> Decimal | None:
    """The mean price in euros."""
    return over(total(rows), 100 * len(rows))


def over(part: Fraction | int, whole: Fraction | int, digits: int = 2) -> Decimal | None:
    """`part / whole`, rounded half-even, as Python's `round` does; None if `whole` is 0."""
    return Decimal(round(Fraction(part) / whole * 10**digits)) / 10**digits if whole else None


def deviation(values: Sequence[int]) -> Decimal:
    """The population standard deviation; with 60 digits, only the last rounding shows."""
    n = len(values)
    with localcontext(prec=60):
        return (Decimal(n * sum(value**2 for value in values) - sum(values) ** 2).sqrt() / n).quantize(Decimal("0.01"))


def month_of(row: Row) -> int:
    """The number of a row's calendar month."""
    return row.day.year * 12 + row.day.month - 1


def month_text(month: int) -> str:
    """A month's number as `YYYY-MM`."""
    return f"{month // 12:04}-{month % 12 + 1:02}"


def by_month(rows: Iterable[Row]) -> dict[int, int]:
    """Revenue in cents of each month present."""
    return {month: total(group) for month, group in grouped(rows, month_of)}


def best_month(rows: Iterable[Row]) -> int:
    """The month of the highest revenue, the earliest on a tie."""
    months = by_month(rows)
    return min(months, key=lambda month: (-months[month], month))


def growth(months: Mapping[int, int], month: int) -> Decimal | None:
    """The change of a month's revenue from the calendar month before, in percent; None if either is missing."""
    if month not in months or month - 1 not in months:
        return None
    return over(100 * (months[month] - months[month - 1]), months[month - 1])
