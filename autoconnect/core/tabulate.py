"""Rolling a cube up by what a reader thinks in: city, model, type, day, month, year."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from autoconnect.core.cube import Cube, Ints, roll_up
from autoconnect.core.exact import day_name, month_name
from autoconnect.core.schema import RENTAL, SALE, TYPES

#: Of each cell, the key of a roll-up as an integer, in the order in which rows are sorted.
KEYS: Mapping[str, Callable[[Cube], Ints]] = {
    "city": lambda cube: cube.city,
    "model": lambda cube: cube.model,
    "type": lambda cube: cube.type,
    "day": lambda cube: cube.day,
    "month": Cube.month,
    "year": lambda cube: cube.month() // 12,
}

#: Sums of each cell that follow from its type.
_BY_TYPE: Mapping[str, tuple[int, str]] = {
    "sales": (SALE, "transactions"),
    "rentals": (RENTAL, "transactions"),
    "sales_revenue": (SALE, "revenue"),
    "rental_revenue": (RENTAL, "revenue"),
}

Counts = dict[str, int]


def tabulate(cube: Cube, by: Sequence[str], measures: Sequence[str]) -> list[Counts]:
    """One row for each key in use, in ascending order: its keys (as integers) and measures.

    `by` names KEYS; `measures` names measures of a cell, or `sales`, `rentals`, `sales_revenue`, `rental_revenue`.
    Names ascend by code point, as those of a cube do. A cube without cells has no rows.
    """
    keys, folded = roll_up([KEYS[key](cube) for key in by], {name: _measure(cube, name) for name in measures})
    columns = [column.tolist() for column in (*keys, *folded.values())]
    return [dict(zip((*by, *measures), row, strict=True)) for row in zip(*columns, strict=True)]


def label(cube: Cube, key: str, value: int) -> str | int:
    """What a reader sees of a key: the name, `YYYY-MM-DD`, `YYYY-MM` or the year."""
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
