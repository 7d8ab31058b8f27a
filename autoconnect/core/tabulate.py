"""Roll-ups of a cube by the keys that users know: city, model, type, day, month, year."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from autoconnect.core.cube import Cube, Ints, roll_up
from autoconnect.core.exact import day_name, month_name
from autoconnect.core.schema import RENTAL, SALE, TYPES

#: The key of a roll-up for each cell, as an integer; rows are sorted by these integers.
KEYS: Mapping[str, Callable[[Cube], Ints]] = {
    "city": lambda cube: cube.city,
    "model": lambda cube: cube.model,
    "type": lambda cube: cube.type,
    "day": lambda cube: cube.day,
    "month": Cube.month,
    "year": lambda cube: cube.month() // 12,
}

#: Sums over the cells of one type: the type, and the measure that is added.
_BY_TYPE: Mapping[str, tuple[int, str]] = {
    "sales": (SALE, "transactions"),
    "rentals": (RENTAL, "transactions"),
    "sales_revenue": (SALE, "revenue"),
    "rental_revenue": (RENTAL, "revenue"),
}

Counts = dict[str, int]


def tabulate(cube: Cube, by: Sequence[str], measures: Sequence[str]) -> list[Counts]:
    """One row for each combination of keys in use, in ascending order: its keys (as integers) and its measures.

    `by` has names of KEYS; `measures` has measures of a cell, or `sales`, `rentals`, `sales_revenue`, `rental_revenue`.
    Names are in the order of the cube: by code point, if it is canonical. A cube without cells has no rows.
    """
    keys, folded = roll_up([KEYS[key](cube) for key in by], {name: _measure(cube, name) for name in measures})
    columns = [column.tolist() for column in (*keys, *folded.values())]
    return [dict(zip((*by, *measures), row, strict=True)) for row in zip(*columns, strict=True)]


def label(cube: Cube, key: str, value: int) -> str | int:
    """The form of a key that users see: the name, `YYYY-MM-DD`, `YYYY-MM` or the year."""
    match key:
        case "city":
            return cube.cities[value]
        case "model":
            return cube.models[value]
        case "type":
            return TYPES[value]
        case "day":
            return day_name(value)
        case "month":
            return month_name(value)
    return 1970 + value


def _measure(cube: Cube, name: str) -> Ints:
    if name not in _BY_TYPE:
        return cube.measures[name]
    kind, measure = _BY_TYPE[name]
    return np.where(cube.type == kind, cube.measures[measure], 0)
