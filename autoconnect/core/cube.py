"""The cube: what is known of all rows of one city, day, type and model, in integers only.

Because every measure is an integer that is added, or of which the least or greatest is taken, merging is exact,
associative and commutative: a cube is the same bit for bit whatever the workers, batches, order and retries.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Self

import numpy as np
from numpy.typing import NDArray

from autoconnect.errors import CubeError

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

_INT64_MAX = 2**63 - 1


class Fold(Enum):
    """How two values of a measure become one."""

    SUM = "sum"
    MIN = "min"
    MAX = "max"

    @property
    def neutral(self) -> int:
        """The value that changes nothing: a cell that has nothing to say of a measure holds it."""
        return _INT64_MAX if self is Fold.MIN else 0


#: The measures of a cell. Amounts are in cents; a duration is in months and only rentals that carry one have it.
MEASURES: Mapping[str, Fold] = {
    "transactions": Fold.SUM,
    "revenue": Fold.SUM,
    "min_price": Fold.MIN,
    "max_price": Fold.MAX,
    "durations": Fold.SUM,
    "months": Fold.SUM,
    "months_squared": Fold.SUM,
    "min_months": Fold.MIN,
    "max_months": Fold.MAX,
    "costed": Fold.SUM,
    "cost": Fold.SUM,
    "costed_revenue": Fold.SUM,
}


@dataclass(frozen=True, eq=False)
class Cube:
    """Cells as columns of one length, one entry a cell.

    `city` and `model` are places in `cities` and `models`; `day` counts from 1970-01-01; `type` is a place in
    `schema.TYPES`; `measures` has a column for each of MEASURES. Made by `merge`, a cube is in its one canonical
    form: names sorted by code point, each of them in use, cells sorted by city, day, type, model.
    """

    cities: tuple[str, ...]
    models: tuple[str, ...]
    city: Ints
    day: Ints
    type: Ints
    model: Ints
    measures: Mapping[str, Ints]

    def __len__(self) -> int:
        return len(self.day)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Cube)
            and (self.cities, self.models) == (other.cities, other.models)
            and all(map(np.array_equal, self._columns(), other._columns()))
        )

    def _columns(self) -> list[Ints]:
        return [self.city, self.day, self.type, self.model, *(self.measures[name] for name in MEASURES)]

    @classmethod
    def empty(cls) -> Self:
        """The cube of no rows."""
        none = np.empty(0, np.int64)
        return cls((), (), none, none, none, none, dict.fromkeys(MEASURES, none))

    def where(self, mask: Mask) -> "Cube":
        """The cells that `mask` selects; the names stay as they are, whether in use or not."""
        measures = {name: column[mask] for name, column in self.measures.items()}
        city, day, kind, model = (column[mask] for column in (self.city, self.day, self.type, self.model))
        return Cube(self.cities, self.models, city, day, kind, model, measures)

    def month(self) -> Ints:
        """Of each cell, the calendar month, counted from 1970-01."""
        return self.day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)

    def total(self, measure: str) -> int:
        """A measure folded over all cells."""
        return int(_fold(measure, self.measures[measure], np.zeros(1, np.intp))[0]) if len(self) else 0


def merge(cubes: Sequence[Cube]) -> Cube:
    """The cube of all rows of the given ones, whatever form they are in.

    Raises CubeError where a sum would leave 64 bits.
    """
    cells = concatenate(cubes)
    keys, measures = roll_up([cells.city, cells.day, cells.type, cells.model], cells.measures)
    city, day, kind, model = keys
    return Cube(cells.cities, cells.models, city, day, kind, model, measures)


def concatenate(cubes: Sequence[Cube]) -> Cube:
    """The cells of all cubes one after the other, under common names; equal keys are not merged."""
    if not cubes:
        return Cube.empty()
    cities, city = _unify([(cube.cities, cube.city) for cube in cubes])
    models, model = _unify([(cube.models, cube.model) for cube in cubes])
    day, kind = (np.concatenate([getattr(cube, name) for cube in cubes]) for name in ("day", "type"))
    measures = {name: np.concatenate([cube.measures[name] for cube in cubes]) for name in MEASURES}
    return Cube(cities, models, city, day, kind, model, measures)


def roll_up(keys: Sequence[Ints], measures: Mapping[str, Ints]) -> tuple[list[Ints], dict[str, Ints]]:
    """Folds entries of equal keys: the distinct keys in ascending order, and their measures.

    All columns have one length; measures are named as in MEASURES. Without keys, everything is folded into one entry.
    Raises CubeError where a sum would leave 64 bits.
    """
    length = len(next(iter(measures.values())))
    if length == 0:
        return [np.empty(0, np.int64) for _ in keys], {name: np.empty(0, np.int64) for name in measures}
    order = np.lexsort(keys[::-1]) if keys else np.arange(length)
    ordered = [key[order] for key in keys]
    new = np.zeros(length, np.bool_)
    new[0] = True
    for key in ordered:
        new[1:] |= key[1:] != key[:-1]
    starts = np.flatnonzero(new)
    folded = {name: _fold(name, column[order], starts) for name, column in measures.items()}
    return [key[starts] for key in ordered], folded


def check_size(cube: Cube, max_cells: int) -> None:
    """Raises CubeError, naming the column with the most values, where a cube has more than `max_cells` cells."""
    if len(cube) <= max_cells:
        return
    values = {"city": len(cube.cities), "day": len(np.unique(cube.day)), "model": len(cube.models)}
    column = max(values, key=lambda name: values[name])
    raise CubeError(
        f"The source has more than {max_cells:,} combinations of city, day, type and model (AUTOCONNECT_MAX_CELLS); "
        f"the column with the most values is {column}, with {values[column]:,}."
    )


def _fold(name: str, values: Ints, starts: NDArray[np.intp]) -> Ints:
    fold = MEASURES.get(name, Fold.SUM)  # what is derived from cells, such as the number of sales, is added
    if fold is Fold.MIN:
        return np.minimum.reduceat(values, starts)
    if fold is Fold.MAX:
        return np.maximum.reduceat(values, starts)
    # The halves of 64-bit numbers can be added 2^31 times without overflow; so the sum is known to fit, or not to.
    high = np.add.reduceat(values >> 32, starts)
    low = np.add.reduceat(values & 0xFFFFFFFF, starts)
    if int((high + (low >> 32)).max()) > _INT64_MAX >> 32:
        raise CubeError(f"The sum of {name} is larger than 64 bits can hold.")
    return (high << 32) + low


def _unify(named: Sequence[tuple[tuple[str, ...], Ints]]) -> tuple[tuple[str, ...], Ints]:
    """The names in use, sorted, and the codes of all as places among them."""
    union = tuple(sorted({names[code] for names, codes in named for code in np.unique(codes)}))
    place = {name: code for code, name in enumerate(union)}
    recoded = [np.array([place.get(name, -1) for name in names], np.int64)[codes] for names, codes in named]
    return union, np.concatenate(recoded)
