"""The cubes that everybody makes, in one form: amounts in whole cents, rows in order, so that equal means equal."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from autoconnect.core.cube import Cube
from autoconnect.core.schema import TYPES

#: Key, then measures; amounts in euros in what the engines return, in cents here.
KEYS = ("city", "type", "model", "day")
COLUMNS = (*KEYS, "transactions", "revenue", "min_price", "max_price", "months")
_AMOUNTS = ("revenue", "min_price", "max_price")


def from_engine(table: Any) -> Any:
    """An engine's table, whatever its types and names are, in the common form."""
    columns = dict(zip(COLUMNS, table.columns, strict=True))
    texts = {name: columns[name].cast(pa.string()) for name in ("city", "type", "model")}
    numbers = {name: _whole(columns[name], 100 if name in _AMOUNTS else 1) for name in COLUMNS[len(KEYS) :]}
    return _ordered({**texts, "day": columns["day"].cast(pa.date32()), **numbers})


def from_cube(cube: Cube) -> Any:
    """Our cube in the common form."""
    measures = {name: cube.measures[name] for name in COLUMNS[len(KEYS) :]}
    return _ordered(
        {
            "city": _named(cube.cities, cube.city),
            "type": _named(TYPES, cube.type),
            "model": _named(cube.models, cube.model),
            "day": pa.array(cube.day.astype(np.int32)).cast(pa.date32()),
            **measures,
        }
    )


def difference(ours: Any, theirs: Any) -> str | None:
    """The first row in which two cubes differ, None where they are equal to the cent."""
    if ours.equals(theirs):
        return None
    if len(ours) != len(theirs):
        return f"{len(ours):,} cells are not {len(theirs):,}"
    pairs = zip(ours.to_pylist(), theirs.to_pylist(), strict=True)
    return next(f"{mine} is not {other}" for mine, other in pairs if mine != other)


def _whole(column: Any, factor: int) -> Any:
    """Numbers of any type, nothing taken for 0, times a factor, as the nearest integers."""
    values = pc.multiply(pc.fill_null(column.cast(pa.float64()), 0), factor)
    return pc.round(values).cast(pa.int64())


def _named(names: tuple[str, ...], codes: Any) -> Any:
    return pa.array(names, pa.string()).take(pa.array(codes))


def _ordered(columns: dict[str, Any]) -> Any:
    return pa.table(columns).sort_by([(name, "ascending") for name in KEYS]).combine_chunks()
