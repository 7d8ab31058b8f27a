"""The cube: one cell of integer measures for each combination of city, day, type and model.

Every measure is a sum, a minimum or a maximum of integers, so merging is exact, associative and commutative: a cube is
the same bit for bit whatever the workers, batches, order and retries.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import compress
from typing import Self

import numpy as np
from numpy.typing import NDArray

from autoconnect.errors import CubeError

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
Indexes = NDArray[np.intp]

_INT64_MAX = 2**63 - 1
_LOW_HALF = 2**32 - 1
#: Mean length of runs, in entries, from which folding run by run is faster than entry by entry.
_MIN_RUN = 8


class Fold(Enum):
    """How two values of a measure are merged."""

    SUM = "sum"
    MIN = "min"
    MAX = "max"

    @property
    def neutral(self) -> int:
        """The value that changes nothing, held by a cell without data for the measure."""
        return _INT64_MAX if self is Fold.MIN else 0


_FOLDS = {Fold.SUM: np.add, Fold.MIN: np.minimum, Fold.MAX: np.maximum}

#: The measures of a cell: amounts in cents, and durations in months, of the rentals that carry one.
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
    """Cells in columns of equal length, one entry per cell.

    `city` and `model` index `cities` and `models`; `day` counts from 1970-01-01; `type` indexes `schema.TYPES`;
    `measures` has a column for each of MEASURES. `merge` returns the canonical form: names sorted by code point, each
    of them in use, and cells sorted by city, day, type, model.
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

    @property
    def nbytes(self) -> int:
        """The bytes of memory of the cells, without the names."""
        return sum(column.nbytes for column in self._columns())

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
        """The cells that `mask` selects; all names stay, whether in use or not."""
        cells = np.flatnonzero(mask)  # quicker than to look for the same cells in the mask for each column
        measures = _Picked(self.measures, cells)
        city, day, kind, model = (column[cells] for column in (self.city, self.day, self.type, self.model))
        return Cube(self.cities, self.models, city, day, kind, model, measures)

    def month(self) -> Ints:
        """The calendar month of each cell, counted from 1970-01."""
        first, last = self.day.min(initial=_INT64_MAX), self.day.max(initial=0)
        if last - first >= len(self.day):  # few cells with days that are far apart
            return _months(self.day)
        # Each day is converted once; without cells, there is none.
        months: Ints = _months(np.arange(first, last + 1))[self.day - first]
        return months

    def by_month(self) -> "Cube":
        """Replace each day by the first of its month: fewer cells for metrics that need only months."""
        first = self.month().astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
        return merge([replace(self, day=first)])

    def transactions_by(self, codes: Ints, size: int) -> list[int]:
        """The transactions of each code below `size`; `codes` has that of each cell, such as its city."""
        counts = np.zeros(size, np.int64)
        np.add.at(counts, codes, self.measures["transactions"])
        return counts.tolist()

    def total(self, measure: str) -> int:
        """The sum of an additive measure over all cells.

        Raises CubeError if it does not fit in 64 bits.
        """
        values = self.measures[measure]
        total = (int((values >> 32).sum()) << 32) + int((values & _LOW_HALF).sum())
        if total > _INT64_MAX:
            raise _too_large(measure)
        return total


def _months(days: Ints) -> Ints:
    return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def merge(cubes: Sequence[Cube]) -> Cube:
    """Merge cubes of any form into one canonical cube.

    Raises CubeError if a sum does not fit in 64 bits.
    """
    if not cubes:
        return Cube.empty()
    cities, models, keys = _keys(cubes)
    groups = _Groups.of(keys, len(cubes))
    city, day, kind, model = (key[groups.first] for key in keys)
    # One measure at a time: concatenating all of them before merging would double the memory of the cubes.
    measures = {name: groups.fold(name, _column(cubes, name)) for name in MEASURES}
    return Cube(cities, models, city, day, kind, model, measures)


def concatenate(cubes: Sequence[Cube]) -> Cube:
    """Concatenate the cells of cubes under common names, without merging equal keys."""
    if not cubes:
        return Cube.empty()
    cities, models, keys = _keys(cubes)
    return Cube(cities, models, *keys, {name: _column(cubes, name) for name in MEASURES})


def roll_up(keys: Sequence[Ints], measures: Mapping[str, Ints]) -> tuple[list[Ints], dict[str, Ints]]:
    """Fold entries with equal keys, and return the distinct keys in ascending order with their measures.

    All columns have the same length; measures are named as in MEASURES. Without keys, all entries become one.
    Raises CubeError if a sum does not fit in 64 bits.
    """
    groups = _Groups.of(keys or [np.zeros_like(next(iter(measures.values())))])
    return [key[groups.first] for key in keys], {name: groups.fold(name, values) for name, values in measures.items()}


def check_size(cube: Cube, max_cells: int) -> None:
    """Raise CubeError, and name the column with the most values, if a cube has more than `max_cells` cells."""
    if len(cube) <= max_cells:
        return
    values = {"city": len(cube.cities), "day": len(np.unique(cube.day)), "model": len(cube.models)}
    column = max(values, key=lambda name: values[name])
    raise CubeError(
        f"The source has more than {max_cells:,} combinations of city, day, type and model (AUTOCONNECT_MAX_CELLS); "
        f"the column with the most values is {column}, with {values[column]:,}."
    )


class _Picked(Mapping[str, Ints]):
    """Some entries of columns; a column is copied when it is first read, since most metrics need few of them."""

    def __init__(self, columns: Mapping[str, Ints], entries: Indexes) -> None:
        self._columns = columns
        self._entries = entries
        self._picked: dict[str, Ints] = {}

    def __getitem__(self, name: str) -> Ints:
        if name not in self._picked:
            self._picked[name] = self._columns[name][self._entries]
        return self._picked[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)


@dataclass(frozen=True)
class _Groups:
    """Entries grouped by equal keys.

    `first` has the index of the first entry of each distinct key, in order of the keys; `group` has the group of each
    entry. It is None in two cases: if `repeats` is above 1, the entries are the distinct keys in order, repeated that
    many times; otherwise each group is one run of entries.
    """

    first: Indexes
    group: Indexes | None
    repeats: int = 1

    @classmethod
    def of(cls, keys: Sequence[Ints], parts: int = 1) -> Self:
        """Group entries that come in `parts` parts; parts that all have the same ascending keys need no sort.

        Nor do entries in order with long runs of equal keys.
        """
        packed = _pack(keys)
        part = packed[: len(packed) // parts]
        if len(packed) % parts == 0 and (part[1:] > part[:-1]).all() and (packed.reshape(parts, -1) == part).all():
            return cls(np.arange(len(part)), None, parts)
        if (packed[1:] >= packed[:-1]).all():
            first = np.flatnonzero(_starts_run(packed))
            if len(first) * _MIN_RUN <= len(packed):
                return cls(first, None)
        order = np.argsort(packed, kind="stable")  # quick for cubes, since the cells of each are already in order
        ordered = packed[order]
        is_first = _starts_run(ordered)
        group = np.empty_like(order)
        group[order] = np.cumsum(is_first) - 1
        return cls(order[np.flatnonzero(is_first)], group)

    def fold(self, measure: str, values: Ints) -> Ints:
        """Fold the measure of all entries of each distinct key."""
        if len(self.first) == len(values):
            return values[self.first]
        return _fold(measure, values, self)


def _starts_run(ordered: Ints) -> Mask:
    """Whether each entry begins a run of equal keys; the keys are in order."""
    starts: Mask = np.ones(len(ordered), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=starts[1:])
    return starts


def _pack(keys: Sequence[Ints]) -> Ints:
    """Pack the keys of each entry into one number; the numbers are equal and ordered as the keys are."""
    packed = np.zeros_like(keys[0])
    size = 1
    for key in keys:
        low = int(key.min(initial=0))
        span = int(key.max(initial=0)) - low + 1
        if size * span > _INT64_MAX:  # the product would overflow: replace the numbers by their ranks
            distinct, packed = np.unique(packed, return_inverse=True)
            size = len(distinct)
        packed *= span
        packed += key - low
        size *= span
    return packed


def _fold(name: str, values: Ints, groups: _Groups) -> Ints:
    fold = MEASURES.get(name, Fold.SUM)  # measures derived from cells, such as the number of sales, are sums
    if fold is Fold.SUM and int(values.max(initial=0)) * len(values) > _INT64_MAX:
        return _sum_near_the_limit(name, values, groups)
    return _fold_groups(fold, values, groups)


def _fold_groups(fold: Fold, values: Ints, groups: _Groups) -> Ints:
    folded: Ints
    if groups.group is not None:
        folded = np.full(len(groups.first), fold.neutral, np.int64)
        _FOLDS[fold].at(folded, groups.group, values)
    elif groups.repeats > 1:
        folded = _FOLDS[fold].reduce(values.reshape(groups.repeats, -1), axis=0)
    else:
        folded = _FOLDS[fold].reduceat(values, groups.first)
    return folded


def _sum_near_the_limit(name: str, values: Ints, groups: _Groups) -> Ints:
    """Add the high and low 32 bits separately: 2^31 of either fit in 64 bits, so an overflow is always noticed."""
    high, low = (_fold_groups(Fold.SUM, half, groups) for half in (values >> 32, values & _LOW_HALF))
    if int((high + (low >> 32)).max()) > _INT64_MAX >> 32:
        raise _too_large(name)
    return (high << 32) + low


def _too_large(measure: str) -> CubeError:
    return CubeError(f"The sum of {measure} is larger than 64 bits can hold.")


def _column(cubes: Sequence[Cube], measure: str) -> Ints:
    return np.concatenate([cube.measures[measure] for cube in cubes])


def _keys(cubes: Sequence[Cube]) -> tuple[tuple[str, ...], tuple[str, ...], tuple[Ints, Ints, Ints, Ints]]:
    """The common city names and model names, and the four keys of the concatenated cells of all cubes."""
    cities, city = _unify([(cube.cities, cube.city) for cube in cubes])
    models, model = _unify([(cube.models, cube.model) for cube in cubes])
    day, kind = (np.concatenate([getattr(cube, name) for cube in cubes]) for name in ("day", "type"))
    return cities, models, (city, day, kind, model)


def _unify(columns: Sequence[tuple[tuple[str, ...], Ints]]) -> tuple[tuple[str, ...], Ints]:
    """Merge columns of names and codes: return the sorted names in use, and all codes as indexes of them."""
    used_names: set[str] = set()
    for names, codes in columns:
        is_used = np.zeros(len(names), np.bool_)
        is_used[codes] = True
        used_names.update(compress(names, is_used))
    common_names = tuple(sorted(used_names))
    new_codes = {name: code for code, name in enumerate(common_names)}
    recoded = [np.array([new_codes.get(name, -1) for name in names], np.int64)[codes] for names, codes in columns]
    return common_names, np.concatenate(recoded)
