"""Puts the cubes of all engines into one form, so that they can be compared: amounts in whole cents, rows sorted."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from autoconnect.core.cube import Cube
from autoconnect.core.schema import TYPES

#: Columns of the common form: keys, then measures. Engines return amounts in euros; the common form has cents.
KEYS = ("city", "type", "model", "day")
COLUMNS = (*KEYS, "transactions", "revenue", "min_price", "max_price", "months")
_AMOUNTS = ("revenue", "min_price", "max_price")


def from_engine(table: Any) -> Any:
    """An engine's table, of any types and column names, in the common form."""
    columns = dict(zip(COLUMNS, table.columns, strict=True))
    texts = {name: columns[name].cast(pa.string()) for name in ("city", "type", "model")}
    numbers = {name: _integers(columns[name], 100 if name in _AMOUNTS else 1) for name in COLUMNS[len(KEYS) :]}
    return _sorted_table({**texts, "day": columns["day"].cast(pa.date32()), **numbers})


def from_cube(cube: Cube) -> Any:
    """AutoConnect's cube in the common form."""
    measures = {name: cube.measures[name] for name in COLUMNS[len(KEYS) :]}
    return _sorted_table(
        {
            "city": _texts(cube.cities, cube.city),
            "type": _texts(TYPES, cube.type),
            "model": _texts(cube.models, cube.model),
            "day": pa.array(cube.day.astype(np.int32)).cast(pa.date32()),
            **measures,
        }
    )


def difference(expected: Any, actual: Any) -> str | None:
    """The first difference between two cubes in the common form, or None if they are equal to the cent."""
    if expected.equals(actual):
        return None
    if len(expected) != len(actual):
        return f"expected {len(expected):,} cells, got {len(actual):,}"
    pairs = zip(expected.to_pylist(), actual.to_pylist(), strict=True)
    return next(f"expected {left}, got {right}" for left, right in pairs if left != right)


def _integers(column: Any, factor: int) -> Any:
    """The numbers of a column times a factor, rounded to the nearest integer; null counts as 0."""
    values = pc.multiply(pc.fill_null(column.cast(pa.float64()), 0), factor)
    return pc.round(values).cast(pa.int64())


def _texts(names: tuple[str, ...], codes: Any) -> Any:
    return pa.array(names, pa.string()).take(pa.array(codes))


def _sorted_table(columns: dict[str, Any]) -> Any:
    return pa.table(columns).sort_by([(name, "ascending") for name in KEYS]).combine_chunks()
