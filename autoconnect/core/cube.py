"""The cube: what is known of all rows of one city, day, type and model, in integers only.

Because every measure is an integer that is added, or of which the least or greatest is taken, merging is exact,
associative and commutative: a cube is the same bit for bit whatever the workers, batches, order and retries.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import compress
from typing import Self

import numpy as np
from numpy.typing import NDArray

from autoconnect.errors import CubeError

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
Places = NDArray[np.intp]

_INT64_MAX = 2**63 - 1
_LOW_HALF = 2**32 - 1


class Fold(Enum):
    """How two values of a measure become one."""

    SUM = "sum"
    MIN = "min"
    MAX = "max"

    @property
    def neutral(self) -> int:
        """The value that changes nothing: a cell that has nothing to say of a measure holds it."""
        return _INT64_MAX if self is Fold.MIN else 0


_FOLDS = {Fold.SUM: np.add, Fold.MIN: np.minimum, Fold.MAX: np.maximum}

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

    def by_month(self) -> "Cube":
        """The same with the first of its month in place of each day: fewer cells for whoever looks at months only."""
        first = self.month().astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
        return merge([replace(self, day=first)])

    def total(self, measure: str) -> int:
        """A measure that is added, over all cells.

        Raises CubeError where it would leave 64 bits.
        """
        values = self.measures[measure]
        total = (int((values >> 32).sum()) << 32) + int((values & _LOW_HALF).sum())
        if total > _INT64_MAX:
            raise _too_large(measure)
        return total


def merge(cubes: Sequence[Cube]) -> Cube:
    """The cube of all rows of the given ones, whatever form they are in.

    Raises CubeError where a sum would leave 64 bits.
    """
    if not cubes:
        return Cube.empty()
    cities, models, keys = _keys(cubes)
    groups = _Groups.of(keys, len(cubes))
    city, day, kind, model = (key[groups.first] for key in keys)
    # A measure at a time: all of them side by side, not merged yet, would take the memory of the cubes once more.
    measures = {name: groups.fold(name, _column(cubes, name)) for name in MEASURES}
    return Cube(cities, models, city, day, kind, model, measures)


def concatenate(cubes: Sequence[Cube]) -> Cube:
    """The cells of all cubes one after the other, under common names; equal keys are not merged."""
    if not cubes:
        return Cube.empty()
    cities, models, keys = _keys(cubes)
    return Cube(cities, models, *keys, {name: _column(cubes, name) for name in MEASURES})


def roll_up(keys: Sequence[Ints], measures: Mapping[str, Ints]) -> tuple[list[Ints], dict[str, Ints]]:
    """Folds entries of equal keys: the distinct keys in ascending order, and their measures.

    All columns have one length; measures are named as in MEASURES. Without keys, everything is folded into one entry.
    Raises CubeError where a sum would leave 64 bits.
    """
    groups = _Groups.of(keys or [np.zeros_like(next(iter(measures.values())))])
    return [key[groups.first] for key in keys], {name: groups.fold(name, values) for name, values in measures.items()}


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


@dataclass(frozen=True)
class _Groups:
    """Entries of equal keys: where each distinct key is found first, in order of the keys, and each entry's group.

    With `times` above 1, the distinct keys come in order, and so many times.
    """

    first: Places
    group: Places
    times: int = 1

    @classmethod
    def of(cls, keys: Sequence[Ints], parts: int = 1) -> Self:
        """Groups of entries that come in so many parts, which often have the same keys."""
        packed = _pack(keys)
        once = packed[: len(packed) // parts]
        if len(packed) % parts == 0 and (once[1:] > once[:-1]).all() and (packed.reshape(parts, -1) == once).all():
            places = np.arange(len(once))
            return cls(places, np.tile(places, parts), parts)
        order = np.argsort(packed, kind="stable")  # has little to do for cubes, each of which is in order already
        ordered = packed[order]
        new = np.ones_like(order)
        new[1:] = ordered[1:] != ordered[:-1]
        group = np.empty_like(order)
        group[order] = np.cumsum(new) - 1
        return cls(order[np.flatnonzero(new)], group)

    def fold(self, measure: str, values: Ints) -> Ints:
        """Of each distinct key, the measure of all its entries."""
        if len(self.first) == len(values):
            return values[self.first]
        return _fold(measure, values, self)


def _pack(keys: Sequence[Ints]) -> Ints:
    """The keys of each entry as one number; numbers are equal, and in order, where the keys are."""
    packed = np.zeros_like(keys[0])
    size = 1
    for key in keys:
        low = int(key.min(initial=0))
        span = int(key.max(initial=0)) - low + 1
        if size * span > _INT64_MAX:  # so the numbers so far are replaced by their ranks
            distinct, packed = np.unique(packed, return_inverse=True)
            size = len(distinct)
        packed *= span
        packed += key - low
        size *= span
    return packed


def _fold(name: str, values: Ints, groups: _Groups) -> Ints:
    fold = MEASURES.get(name, Fold.SUM)  # what is derived from cells, such as the number of sales, is added
    if fold is Fold.SUM and int(values.max(initial=0)) * len(values) > _INT64_MAX:
        return _sum_near_the_limit(name, values, groups)
    if groups.times > 1:
        folded: Ints = _FOLDS[fold].reduce(values.reshape(groups.times, -1), axis=0)
        return folded
    folded = np.full(len(groups.first), fold.neutral, np.int64)
    _FOLDS[fold].at(folded, groups.group, values)
    return folded


def _sum_near_the_limit(name: str, values: Ints, groups: _Groups) -> Ints:
    """The halves of 64-bit numbers can be added 2^31 times without overflow: so a sum is known to fit, or not to."""
    high, low = np.zeros((2, len(groups.first)), np.int64)
    np.add.at(high, groups.group, values >> 32)
    np.add.at(low, groups.group, values & _LOW_HALF)
    if int((high + (low >> 32)).max()) > _INT64_MAX >> 32:
        raise _too_large(name)
    return (high << 32) + low


def _too_large(measure: str) -> CubeError:
    return CubeError(f"The sum of {measure} is larger than 64 bits can hold.")


def _column(cubes: Sequence[Cube], measure: str) -> Ints:
    return np.concatenate([cube.measures[measure] for cube in cubes])


def _keys(cubes: Sequence[Cube]) -> tuple[tuple[str, ...], tuple[str, ...], tuple[Ints, Ints, Ints, Ints]]:
    """Common names of cities and of models, and the four keys of the cells of all cubes, one after the other."""
    cities, city = _unify([(cube.cities, cube.city) for cube in cubes])
    models, model = _unify([(cube.models, cube.model) for cube in cubes])
    day, kind = (np.concatenate([getattr(cube, name) for cube in cubes]) for name in ("day", "type"))
    return cities, models, (city, day, kind, model)


def _unify(named: Sequence[tuple[tuple[str, ...], Ints]]) -> tuple[tuple[str, ...], Ints]:
    """The names in use, sorted, and the codes of all as places among them."""
    used: set[str] = set()
    for names, codes in named:
        in_use = np.zeros(len(names), np.bool_)
        in_use[codes] = True
        used.update(compress(names, in_use))
    union = tuple(sorted(used))
    place = {name: code for code, name in enumerate(union)}
    recoded = [np.array([place.get(name, -1) for name in names], np.int64)[codes] for names, codes in named]
    return union, np.concatenate(recoded)
