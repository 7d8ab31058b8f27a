"""Roll-ups of a cube by the keys that users know, such as city, model and month."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import overload

import numpy as np

from autoconnect.core.cube import Cube, Indexes, Ints, Mask, roll_up
from autoconnect.core.exact import day_name, month_name, quarter_name, week_name
from autoconnect.core.schema import RENTAL, SALE, TYPES

#: Days from Monday to the first day, 1970-01-01: weeks are counted from the one in which it is.
_DAYS_TO_THURSDAY = 3

#: The key of a roll-up for each cell, as an integer; rows are sorted by these integers.
KEYS: Mapping[str, Callable[[Cube], Ints]] = {
    "city": lambda cube: cube.city,
    "model": lambda cube: cube.model,
    "type": lambda cube: cube.type,
    "day": lambda cube: cube.day,
    "week": lambda cube: (cube.day + _DAYS_TO_THURSDAY) // 7,
    "month": Cube.month,
    "quarter": lambda cube: cube.month() // 3,
    "year": lambda cube: cube.month() // 12,
    "weekday": lambda cube: (cube.day + _DAYS_TO_THURSDAY) % 7 + 1,
}

#: Sums over the cells of one type: the type, and the measure that is added.
_BY_TYPE: Mapping[str, tuple[int, str]] = {
    "sales": (SALE, "transactions"),
    "rentals": (RENTAL, "transactions"),
    "sales_revenue": (SALE, "revenue"),
    "rental_revenue": (RENTAL, "revenue"),
}

#: Groups that are made at a time while all of them are read.
_GROUPS_AT_ONCE = 1_000

#: One group: its keys and its measures by name.
Counts = dict[str, int]


class Groups(Sequence[Counts]):
    """Groups of cells in columns of equal length: a key or a measure each. A group is made when it is read."""

    def __init__(self, columns: Mapping[str, Ints]) -> None:
        self._columns = columns

    def __len__(self) -> int:
        return len(next(iter(self._columns.values())))

    def __iter__(self) -> Iterator[Counts]:
        for start in range(0, len(self), _GROUPS_AT_ONCE):
            columns = [column[start : start + _GROUPS_AT_ONCE].tolist() for column in self._columns.values()]
            for values in zip(*columns, strict=True):
                yield dict(zip(self._columns, values, strict=True))

    @overload
    def __getitem__(self, index: int) -> Counts: ...
    @overload
    def __getitem__(self, index: slice) -> "Groups": ...
    def __getitem__(self, index: int | slice) -> "Counts | Groups":
        if isinstance(index, slice):
            return self.pick(index)
        return {name: int(column[index]) for name, column in self._columns.items()}

    def column(self, name: str) -> Ints:
        """A key or a measure of all groups."""
        return self._columns[name]

    def pick(self, groups: Indexes | Mask | slice) -> "Groups":
        """Some of the groups, in the order of `groups` if these are indexes."""
        return Groups({name: column[groups] for name, column in self._columns.items()})

    def of(self, first_key: str, value: int) -> "Groups":
        """The groups with a value of the key that they are sorted by first."""
        start, end = np.searchsorted(self._columns[first_key], [value, value + 1])
        return self.pick(slice(start, end))

    def having(self, name: str, values: Ints) -> "Groups":
        """The same groups with one more column."""
        return Groups({**self._columns, name: values})

    def pairs(self, key: str, measure: str) -> dict[int, int]:
        """A measure of each group by a key that differs between them."""
        return dict(zip(self._columns[key].tolist(), self._columns[measure].tolist(), strict=True))


def tabulate(cube: Cube, by: Sequence[str], measures: Sequence[str]) -> Groups:
    """One group for each combination of keys in use, in ascending order: its keys (as integers) and its measures.

    `by` has names of KEYS; `measures` has measures of a cell, or `sales`, `rentals`, `sales_revenue`, `rental_revenue`.
    Names are in the order of the cube: by code point, if it is canonical. A cube without cells has no groups.
    """
    keys, folded = roll_up([KEYS[key](cube) for key in by], {name: _measure(cube, name) for name in measures})
    return Groups({**dict(zip(by, keys, strict=True)), **folded})


def count_groups(cube: Cube, by: Sequence[str]) -> int:
    """The number of groups that `tabulate` would return."""
    keys, _ = roll_up([KEYS[key](cube) for key in by], {"transactions": cube.measures["transactions"]})
    return len(keys[0]) if keys else min(len(cube), 1)


def labels(cube: Cube) -> Mapping[str, Callable[[int], str | int]]:
    """For each of KEYS, the form of its values that users see: a name, a day, a week, ..., or a number."""
    return {
        "city": cube.cities.__getitem__,
        "model": cube.models.__getitem__,
        "type": TYPES.__getitem__,
        "day": day_name,
        "week": week_name,
        "month": month_name,
        "quarter": quarter_name,
        "year": lambda year: 1970 + year,
        "weekday": int,
    }


def _measure(cube: Cube, name: str) -> Ints:
    if name not in _BY_TYPE:
        return cube.measures[name]
    kind, measure = _BY_TYPE[name]
    return np.where(cube.type == kind, cube.measures[measure], 0)
