"""Roll-ups of the cube by any keys and measures, in any order."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Self

import numpy as np

from autoconnect.core.columns import CITY, DAY, MODEL, MONTH, QUARTER, TYPE, WEEK, WEEKDAY, YEAR
from autoconnect.core.cube import Cube, Ints
from autoconnect.core.exact import mean_money, money, ratio
from autoconnect.core.table import Column, Kind, LazyRows, Row, Table, Value
from autoconnect.core.tabulate import KEYS, Counts, Groups, labels, tabulate
from autoconnect.errors import SelectionError

_KEY_COLUMNS: Mapping[str, Column] = {
    column.name: column for column in (CITY, MODEL, TYPE, DAY, WEEK, MONTH, QUARTER, YEAR, WEEKDAY)
}


@dataclass(frozen=True)
class Measure:
    """A measure of a roll-up: its column, the measures of `tabulate` that it needs, and its value from those."""

    column: Column
    needs: tuple[str, ...]
    value: Callable[[Counts], Value]


_MEASURES = (
    Measure(Column("transactions", Kind.COUNT, "count"), ("transactions",), lambda counts: counts["transactions"]),
    Measure(Column("revenue", Kind.MONEY, "EUR"), ("revenue",), lambda counts: money(counts["revenue"])),
    Measure(
        Column("average_ticket", Kind.MONEY, "EUR"),
        ("revenue", "transactions"),
        lambda counts: mean_money(counts["revenue"], counts["transactions"]),
    ),
    Measure(Column("min_price", Kind.MONEY, "EUR"), ("min_price",), lambda counts: money(counts["min_price"])),
    Measure(Column("max_price", Kind.MONEY, "EUR"), ("max_price",), lambda counts: money(counts["max_price"])),
    Measure(Column("sales", Kind.COUNT, "count"), ("sales",), lambda counts: counts["sales"]),
    Measure(Column("rentals", Kind.COUNT, "count"), ("rentals",), lambda counts: counts["rentals"]),
    Measure(
        Column("mean_months", Kind.DURATION, "months"),
        ("months", "durations"),
        lambda counts: ratio(counts["months"], counts["durations"]),
    ),
)
#: The measures of a roll-up by name.
MEASURES: Mapping[str, Measure] = {measure.column.name: measure for measure in _MEASURES}


@dataclass(frozen=True)
class RollUp:
    """A query, by names of KEYS and MEASURES; `order` has names of either, with a leading `-` for descending."""

    group_by: Sequence[str]
    measures: Sequence[str] = ("transactions", "revenue")
    order: Sequence[str] = ()

    @classmethod
    def read(cls, group_by: str = "", measures: str = "", order: str = "") -> Self:
        """Read a query from comma-separated names.

        Raises SelectionError for an unknown or repeated name.
        """
        keys = _names("group_by", group_by, KEYS)
        requested = _names("measures", measures, MEASURES) or ["transactions", "revenue"]
        columns = [*keys, *requested]
        return cls(keys, requested, _names("order", order, [*columns, *(f"-{name}" for name in columns)]))

    @property
    def columns(self) -> tuple[Column, ...]:
        keys = (_KEY_COLUMNS[name] for name in self.group_by)
        return (*keys, *(MEASURES[name].column for name in self.measures))

    def run(self, cube: Cube) -> Table:
        """The rows in the requested order, or in ascending order of their keys."""
        needed = list(dict.fromkeys(need for name in self.measures for need in MEASURES[name].needs))
        groups = tabulate(cube, self.group_by, needed)
        if self.order:
            groups = groups.pick(np.lexsort([_sort_numbers(groups, name) for name in reversed(self.order)]))
        label_of = labels(cube)

        def row(counts: Counts) -> Row:
            keys: Row = {key: label_of[key](counts[key]) for key in self.group_by}
            return keys | {name: MEASURES[name].value(counts) for name in self.measures}

        return Table(self.columns, LazyRows(groups, row))


def _sort_numbers(groups: Groups, name: str) -> Ints:
    """A number for each group, by which `name` sorts them; without a `-`, null comes first and names by code point."""
    column = name.removeprefix("-")
    sign = 1 if name == column else -1
    needs = (column,) if column in KEYS else MEASURES[column].needs
    if len(needs) == 1:  # the order of values is that of the integers that they are made from
        return sign * groups.column(needs[0])
    values = (MEASURES[column].value(counts) for counts in groups)
    return sign * np.fromiter((-1 if value is None else round(100 * Decimal(value)) for value in values), np.int64)


def _names(parameter: str, text: str, known: Sequence[str] | Mapping[str, object]) -> list[str]:
    names = [name for name in text.split(",") if name]
    for name in names:
        if name not in known:
            raise SelectionError(parameter, f"{parameter} has {name!r}; expected any of {', '.join(known)}.")
    if len({name.removeprefix("-") for name in names}) < len(names):
        raise SelectionError(parameter, f"{parameter} is {text!r}; expected each name at most once.")
    return names
