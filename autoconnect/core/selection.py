"""The filters of every metric, and the cells that they select."""

import re
import unicodedata
from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Self

import numpy as np

from autoconnect.core.cube import Cube, Mask
from autoconnect.core.schema import Refused, type_code
from autoconnect.errors import SelectionError

_EPOCH = date(1970, 1, 1)
_DATE = re.compile(r"([0-9]{4})-([0-9]{2})(?:-([0-9]{2}))?")
#: Characters of a name that are decomposed at a time.
_PIECE = 64


@dataclass(frozen=True)
class Selection:
    """The filters that select the cells of a metric; a field that is None or empty selects all.

    `cities` and `models` are in the form of `folded`; `first` and `last` are days from 1970-01-01, both included;
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
        type: str | None = None,  # noqa: A002 - users know the filter by this name
    ) -> Self:
        """The selection with the given filters, as a user writes them.

        Raises SelectionError for a filter that cannot be read.
        """
        return cls(
            cities=frozenset(_read_name("city", name) for name in city),
            models=frozenset(_read_name("model", name) for name in model),
            first=None if first is None else _read_date("from", first)[0],
            last=None if last is None else _read_date("to", last)[1],
            type=None if type is None else _read_type(type),
        )

    def apply(self, cube: Cube) -> Cube:
        """The selected cells of a cube."""
        mask: Mask = np.ones(len(cube), np.bool_)
        if self.cities:
            mask &= np.isin(cube.city, _indexes(cube.cities, self.cities))
        if self.models:
            mask &= np.isin(cube.model, _indexes(cube.models, self.models))
        if self.first is not None:
            mask &= cube.day >= self.first
        if self.last is not None:
            mask &= cube.day <= self.last
        if self.type is not None:
            mask &= cube.type == self.type
        return cube if mask.all() else cube.where(mask)


def folded(name: str) -> str:
    """The form of a city or model name that filters compare: without case, accents, spaces and underscores."""
    # In pieces: consecutive accents are sorted first, in time quadratic in their number.
    pieces = (name[start : start + _PIECE] for start in range(0, len(name), _PIECE))
    decomposed = "".join(unicodedata.normalize("NFKD", piece) for piece in pieces)
    plain = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return re.sub(r"[\s_]+", "", plain.casefold())


def _indexes(names: Sequence[str], requested: frozenset[str]) -> list[int]:
    return [index for index, name in enumerate(names) if folded(name) in requested]


def _read_name(parameter: str, name: str) -> str:
    if not folded(name):
        raise SelectionError(parameter, f"{parameter} is empty; a name was expected.")
    return folded(name)


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
        return type_code(text)
    except Refused:
        raise SelectionError("type", f"type is {text!r}; expected vente, sale, location or rental.") from None
