"""Roll-ups of the cube by any keys and measures, in any order, up to a number of rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Self

from autoconnect.core.cube import Cube
from autoconnect.core.exact import mean_money, money, ratio
from autoconnect.core.metrics.base import Row, Table, Value
from autoconnect.core.tabulate import KEYS, Counts, label, tabulate
from autoconnect.errors import SelectionError

#: For each measure of a query, the measures that it needs of `tabulate`, and the function from their values to its own.
MEASURES: Mapping[str, tuple[tuple[str, ...], Callable[[Counts], Value]]] = {
    "transactions": (("transactions",), lambda counts: counts["transactions"]),
    "revenue": (("revenue",), lambda counts: money(counts["revenue"])),
    "average_ticket": (
        ("revenue", "transactions"),
        lambda counts: mean_money(counts["revenue"], counts["transactions"]),
    ),
    "min_price": (("min_price",), lambda counts: money(counts["min_price"])),
    "max_price": (("max_price",), lambda counts: money(counts["max_price"])),
    "sales": (("sales",), lambda counts: counts["sales"]),
    "rentals": (("rentals",), lambda counts: counts["rentals"]),
    "mean_months": (("months", "durations"), lambda counts: ratio(counts["months"], counts["durations"])),
}


@dataclass(frozen=True)
class RollUp:
    """A query, by names of KEYS and MEASURES; `order` has names of either, with a leading `-` for descending."""

    group_by: Sequence[str]
    measures: Sequence[str] = ("transactions", "revenue")
    order: Sequence[str] = ()
    limit: int = 1_000

    @classmethod
    def read(cls, group_by: str = "", measures: str = "", order: str = "", limit: int = 1_000) -> Self:
        """The query with the given comma-separated names.

        Raises SelectionError for an unknown or repeated name.
        """
        keys = _names("group_by", group_by, KEYS)
        requested = _names("measures", measures, MEASURES) or ["transactions", "revenue"]
        columns = [*keys, *requested]
        return cls(keys, requested, _names("order", order, [*columns, *(f"-{name}" for name in columns)]), limit)

    @property
    def columns(self) -> list[str]:
        return [*self.group_by, *self.measures]

    def run(self, cube: Cube) -> Table:
        """The rows in the requested order, or in ascending order of their keys, cut at the limit."""
        needed = list(dict.fromkeys(source for name in self.measures for source in MEASURES[name][0]))
        rows = [self._row(cube, counts) for counts in tabulate(cube, self.group_by, needed)]
        for name in reversed(self.order):
            rows.sort(key=lambda row: _sort_key(row[name.removeprefix("-")]), reverse=name.startswith("-"))
        note = f"The first {self.limit:,} of {len(rows):,} rows (limit)." if len(rows) > self.limit else None
        return Table(rows[: self.limit], note)

    def _row(self, cube: Cube, counts: Counts) -> Row:
        row: Row = {key: label(cube, key, counts[key]) for key in self.group_by}
        row.update({name: MEASURES[name][1](counts) for name in self.measures})
        return row


def _sort_key(value: Value) -> tuple[bool, str, Decimal | int]:
    """Sort null before every other value, and names by code point."""
    if value is None or isinstance(value, str):
        return value is not None, value or "", 0
    return True, "", value


def _names(parameter: str, text: str, known: Sequence[str] | Mapping[str, object]) -> list[str]:
    names = [name for name in text.split(",") if name]
    for name in names:
        if name not in known:
            raise SelectionError(parameter, f"{parameter} has {name!r}; expected some of {', '.join(known)}.")
    if len({name.removeprefix("-") for name in names}) < len(names):
        raise SelectionError(parameter, f"{parameter} is {text!r}; expected each name at most once.")
    return names
