"""Any roll-up of the cube: which keys, which measures, in which order, how many rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Self

from autoconnect.core.cube import Cube
from autoconnect.core.exact import mean_money, money, ratio
from autoconnect.core.metrics.base import Row, Table, Value
from autoconnect.core.tabulate import KEYS, Counts, label, tabulate
from autoconnect.errors import SelectionError

#: For each measure of a query, what it needs of a roll-up and how it follows from that.
MEASURES: Mapping[str, tuple[tuple[str, ...], Callable[[Counts], Value]]] = {
    "transactions": (("transactions",), lambda found: found["transactions"]),
    "revenue": (("revenue",), lambda found: money(found["revenue"])),
    "average_ticket": (("revenue", "transactions"), lambda found: mean_money(found["revenue"], found["transactions"])),
    "min_price": (("min_price",), lambda found: money(found["min_price"])),
    "max_price": (("max_price",), lambda found: money(found["max_price"])),
    "sales": (("sales",), lambda found: found["sales"]),
    "rentals": (("rentals",), lambda found: found["rentals"]),
    "mean_months": (("months", "durations"), lambda found: ratio(found["months"], found["durations"])),
}


@dataclass(frozen=True)
class RollUp:
    """Names of KEYS and MEASURES; `order` has names of either, a `-` before one for descending."""

    group_by: Sequence[str]
    measures: Sequence[str] = ("transactions", "revenue")
    order: Sequence[str] = ()
    limit: int = 1_000

    @classmethod
    def read(cls, group_by: str = "", measures: str = "", order: str = "", limit: int = 1_000) -> Self:
        """The query that comma-separated names mean.

        Raises SelectionError for a name that there is not.
        """
        keys = _names("group_by", group_by, KEYS)
        wanted = _names("measures", measures, MEASURES) or ["transactions", "revenue"]
        columns = [*keys, *wanted]
        return cls(keys, wanted, _names("order", order, [*columns, *(f"-{name}" for name in columns)]), limit)

    @property
    def columns(self) -> list[str]:
        return [*self.group_by, *self.measures]

    def run(self, cube: Cube) -> Table:
        """The rows in ascending order of their keys, or in the order asked for, cut at the limit."""
        needed = list(dict.fromkeys(need for name in self.measures for need in MEASURES[name][0]))
        rows = [self._row(cube, found) for found in tabulate(cube, self.group_by, needed)]
        for name in reversed(self.order):
            rows.sort(key=lambda row: _sort_key(row[name.removeprefix("-")]), reverse=name.startswith("-"))
        note = f"The first {self.limit:,} of {len(rows):,} rows (limit)." if len(rows) > self.limit else None
        return Table(rows[: self.limit], note)

    def _row(self, cube: Cube, found: Counts) -> Row:
        row: Row = {key: label(cube, key, found[key]) for key in self.group_by}
        row.update({name: MEASURES[name][1](found) for name in self.measures})
        return row


def _sort_key(value: Value) -> tuple[bool, str, Decimal | int]:
    """Orders null before all else, and names by code point."""
    if value is None or isinstance(value, str):
        return value is not None, value or "", 0
    return True, "", value


def _names(parameter: str, text: str, known: Sequence[str] | Mapping[str, object]) -> list[str]:
    names = [name for name in text.split(",") if name]
    for name in names:
        if name not in known:
            raise SelectionError(parameter, f"{parameter} has {name!r}; expected some of {', '.join(known)}.")
    if len({name.removeprefix("-") for name in names}) < len(names):
        raise SelectionError(parameter, f"{parameter} is {text!r}, which names one twice.")
    return names
