"""The filters of every metric, and the cells that they select."""

import re
from calendar import monthrange
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, Self

import numpy as np

from autoconnect.core.cube import Cube, Ints, Mask
from autoconnect.core.fields import clean_name, type_code
from autoconnect.core.names import key_of
from autoconnect.core.schema import Folding, Refused
from autoconnect.errors import SelectionError

#: The first and the last day of a period, both included, counted from 1970-01-01.
Days = tuple[int, int]

_EPOCH = date(1970, 1, 1)
_DATE = re.compile(r"([0-9]{4})-([0-9]{2})(?:-([0-9]{2}))?")


@dataclass(frozen=True)
class Selection:
    """The filters that select the cells of a metric; a field that is None or empty selects all.

    `cities` and `models` are clean names, as in a cube; `first` and `last` are days from 1970-01-01, both included;
    `type` is an index of `schema.TYPES`.
    """

    cities: frozenset[str] = frozenset()
    models: frozenset[str] = frozenset()
    first: int | None = None
    last: int | None = None
    type: int | None = None

    @classmethod
    def read(
        cls,
        city: Sequence[str] = (),
        model: Sequence[str] = (),
        first: str | None = None,
        last: str | None = None,
        type: str | None = None,  # noqa: A002 - the name of the filter in REST and the CLI
    ) -> Self:
        """The selection with the given filters, as a user writes them.

        Raises SelectionError for a filter that cannot be read, and if `from` is after `to`.
        """
        first_day = None if first is None else _read_date("from", first)[0]
        last_day = None if last is None else _read_date("to", last)[1]
        if first_day is not None and last_day is not None and first_day > last_day:
            message = f"from is {first!r}, which is after to, {last!r}; expected a day or month up to it."
            raise SelectionError("from", message)
        return cls(
            cities=frozenset(_read_name("city", name) for name in city),
            models=frozenset(_read_name("model", name) for name in model),
            first=first_day,
            last=last_day,
            type=None if type is None else _read_type(type),
        )

    def apply(self, cube: Cube, folding: Folding = "on") -> Cube:
        """The selected cells of a cube; names are compared as its own were folded."""
        mask = self.mask(cube, folding)
        return cube if mask.all() else cube.where(mask)

    def mask(self, cube: Cube, folding: Folding = "on") -> Mask:
        """Whether each cell of a cube is selected."""
        mask: Mask = np.ones(len(cube), np.bool_)
        if self.cities:
            mask &= _is_named(cube.city, cube.cities, self.cities, folding)
        if self.models:
            mask &= _is_named(cube.model, cube.models, self.models, folding)
        if self.first is not None:
            mask &= cube.day >= self.first
        if self.last is not None:
            mask &= cube.day <= self.last
        if self.type is not None:
            mask &= cube.type == self.type
        return mask

    def earlier_cells(self, earlier: "Earlier | None", selected: Cube, cube: Cube, folding: Folding = "on") -> Cube:
        """The cells of a cube that those `selected` from it are compared with."""
        before = earlier(self, days_of(selected)) if earlier else None
        return Cube.empty() if before is None else before.apply(cube, folding)


#: Returns which cells a selection is compared with, None for none, given the first and last day of its own cells.
Earlier = Callable[[Selection, Days | None], Selection | None]


def days_of(cube: Cube, mask: Mask | Literal[True] = True) -> Days | None:
    """The first and the last day of the cells in `mask`, None if there are none."""
    latest = np.iinfo(np.int64).max
    first, last = cube.day.min(initial=latest, where=mask), cube.day.max(initial=-latest, where=mask)
    return (int(first), int(last)) if first <= last else None


def _is_named(codes: Ints, names: Sequence[str], requested: frozenset[str], folding: Folding) -> Mask:
    """Whether the name of each code is a requested one."""
    keys = {key_of(name, folding) for name in requested}
    is_requested: Mask = np.fromiter((key_of(name, folding) in keys for name in names), np.bool_, len(names))
    return is_requested[codes]


def _read_name(parameter: str, text: str) -> str:
    name = clean_name(text)
    if not name:
        raise SelectionError(parameter, f"{parameter} is empty; a name was expected.")
    return name


def _read_date(parameter: str, text: str) -> tuple[int, int]:
    """The first and the last day of a day or of a month."""
    match = _DATE.fullmatch(text)
    try:
        if match is None:
            raise ValueError
        year, month = int(match[1]), int(match[2])
        first = date(year, month, int(match[3] or 1))
    except ValueError:
        raise SelectionError(parameter, f"{parameter} is {text!r}; expected YYYY-MM-DD or YYYY-MM.") from None
    start = (first - _EPOCH).days
    if match[3]:
        return start, start
    return start, start + monthrange(year, month)[1] - 1


def _read_type(text: str) -> int:
    try:
        return type_code(text, {})
    except Refused:
        raise SelectionError("type", f"type is {text!r}; expected vente, sale, location or rental.") from None
