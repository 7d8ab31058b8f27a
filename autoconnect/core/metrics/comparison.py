"""The figures of a selection next to those of an earlier period."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from autoconnect.core.cube import Cube
from autoconnect.core.exact import change_pct, day_name, money
from autoconnect.core.periods import previous, year_before
from autoconnect.core.selection import Earlier, days_of
from autoconnect.core.table import Column, Kind, Row, Value
from autoconnect.core.tabulate import Counts, tabulate

#: The earlier periods by the name that a user chooses them by.
PERIODS: Mapping[str, Earlier] = {"previous": previous, "year": year_before}

Exact = Fraction | int | None


@dataclass(frozen=True)
class _Figure:
    """A figure that is compared; amounts are in cents."""

    column: Column
    value: Callable[[Counts], Exact]

    @property
    def columns(self) -> tuple[Column, ...]:
        name, kind, unit = self.column.name, self.column.kind, self.column.unit
        return self.column, Column(f"{name}_before", kind, unit), Column(f"{name}_change_pct", Kind.PERCENT, "%")

    def row(self, now: Counts, before: Counts) -> Row:
        values = self.value(now), self.value(before)
        shown = (*map(self._shown, values), change_pct(*values))
        return {column.name: value for column, value in zip(self.columns, shown, strict=True)}

    def _shown(self, value: Exact) -> Value:
        if value is None or self.column.kind is Kind.COUNT:
            return None if value is None else int(value)
        return money(value)


_SUMS = ("transactions", "revenue", "sales", "rentals")
_FIGURES = (
    _Figure(Column("transactions", Kind.COUNT, "count"), lambda counts: counts["transactions"]),
    _Figure(Column("revenue", Kind.MONEY, "EUR"), lambda counts: counts["revenue"]),
    _Figure(
        Column("average_ticket", Kind.MONEY, "EUR"),
        lambda counts: Fraction(counts["revenue"], counts["transactions"]) if counts["transactions"] else None,
    ),
    _Figure(Column("sales", Kind.COUNT, "count"), lambda counts: counts["sales"]),
    _Figure(Column("rentals", Kind.COUNT, "count"), lambda counts: counts["rentals"]),
)
_DATES = ("first_date", "last_date", "first_date_before", "last_date_before")

#: The columns of the comparison.
COLUMNS = (
    *(column for figure in _FIGURES for column in figure.columns),
    *(Column(name, Kind.DAY, "YYYY-MM-DD") for name in _DATES),
)


def row_of(cube: Cube, earlier: Cube) -> Row:
    """The values of COLUMNS: figures of the cells, of the earlier ones, and the change; then the days of either."""
    now, before = _sums(cube), _sums(earlier)
    row: Row = {}
    for figure in _FIGURES:
        row |= figure.row(now, before)
    return row | dict(zip(_DATES, (*_dates(cube), *_dates(earlier)), strict=True))


def _sums(cube: Cube) -> Counts:
    groups = tabulate(cube, (), _SUMS)
    return groups[0] if groups else dict.fromkeys(_SUMS, 0)


def _dates(cube: Cube) -> tuple[str | None, str | None]:
    days = days_of(cube)
    return (day_name(days[0]), day_name(days[1])) if days else (None, None)
