"""Writes transactions in a dialect, as the lines of a file."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autoconnect.generate.transactions import CITIES, MODELS, TYPES, Transactions

#: A date with the year first, as `str.format` writes it from year, month and day.
YEAR_FIRST = "{:04}-{:02}-{:02}"


class _BadRow(NamedTuple):
    """A row that no reader accepts: a field is at fault, or those after the first `length` are missing."""

    day: tuple[int, int, int] = (2023, 5, 12)
    city: str = "Lyon"
    type: str = "vente"
    model: str = "Audi A4"
    price: int | str = 4_100_000
    months: int | None = None
    length: int | None = None


#: Bad rows, used in turn.
_BAD_ROWS = (
    _BadRow(day=(2024, 2, 30), city="Paris"),
    _BadRow(city=""),
    _BadRow(type="essai"),
    _BadRow(model="NULL"),
    _BadRow(price=-4_100_000),
    _BadRow(price="quarante"),
    _BadRow(type="location", price=64_000, months=0),
    _BadRow(type="location", length=4),
)


def plain_amount(cents: int) -> str:
    """Write an amount with two decimals, without grouping."""
    sign, cents = ("-", -cents) if cents < 0 else ("", cents)
    return f"{sign}{cents // 100}.{cents % 100:02}"


@dataclass(frozen=True)
class Writer:
    """How a dialect writes transactions.

    `title` stands before the header; `before`, `between` and `after` stand around the fields of each line; `surplus`
    stands after the last field of each complete row. `date` and `months` are formats. `missing` is written for an empty
    field. `spellings` has other spellings of names: every third transaction of a name has one of them, in turn. A
    `numbered` file has a column before the others with the number of the row, from 0.
    """

    header: Sequence[str] = ("transaction_id", "date", "ville", "type", "modele", "prix", "duree_location_mois")
    types: tuple[str, str] = TYPES
    encoding: str = "utf-8"
    title: str = ""
    before: str = ""
    between: str = ","
    after: str = ""
    surplus: str = ""
    line_end: str = "\n"
    date: str = YEAR_FIRST
    amount: Callable[[int], str] = plain_amount
    months: str = "{}"
    missing: str = ""
    spellings: Mapping[str, Sequence[str]] = field(default_factory=dict)
    numbered: bool = False

    @property
    def top(self) -> str:
        """What stands before the first row."""
        return self.title + self._line(("", *self.header) if self.numbered else self.header)

    def rows(self, transactions: Transactions, width: int) -> str:
        """The lines of transactions, whose numbers have at least `width` digits."""
        numbers = range(transactions.first, transactions.first + len(transactions.days))
        columns = [
            [f"TX{number:0{width}}" for number in numbers],
            self._dates(transactions.days),
            self._names(CITIES, transactions.cities, transactions.bad),
            _taken(self.types, (transactions.months == 0).astype(int)),
            self._names(MODELS, transactions.models, transactions.bad),
            list(map(self.amount, transactions.cents.tolist())),
            self._durations(transactions.months),
        ]
        if self.numbered:
            columns.insert(0, [str(number - 1) for number in numbers])
        rows = list(zip(*columns, strict=True))
        for index in np.flatnonzero(transactions.bad).tolist():
            rows[index] = self._spoiled(rows[index], _BAD_ROWS[numbers[index] % len(_BAD_ROWS)])
        return "".join([self._line(fields, self.surplus if len(fields) == len(columns) else "") for fields in rows])

    def _line(self, fields: Sequence[str], surplus: str = "") -> str:
        return f"{self.before}{self.between.join(fields)}{surplus}{self.after}{self.line_end}"

    def _spoiled(self, fields: tuple[str, ...], row: _BadRow) -> tuple[str, ...]:
        """The fields of a bad row, as many as the good row has that it replaces."""
        bad = (
            self.date.format(*row.day),
            row.city or self.missing,
            dict(zip(TYPES, self.types, strict=True)).get(row.type, row.type),
            row.model,
            row.price if isinstance(row.price, str) else self.amount(row.price),
            self.missing if row.months is None else self.months.format(row.months),
        )
        return (*fields[: -len(bad)], *bad[: row.length])

    def _dates(self, days: NDArray[np.datetime64]) -> list[str]:
        different, indexes = np.unique(days, return_inverse=True)
        written = [self.date.format(day.year, day.month, day.day) for day in different.astype(object)]
        return _taken(written, indexes)

    def _durations(self, months: NDArray[np.int64]) -> list[str]:
        return _taken([self.missing, *(self.months.format(number) for number in range(1, 49))], months)

    def _names(self, names: Sequence[str], indexes: NDArray[np.int64], bad: NDArray[np.bool_]) -> list[str]:
        written = np.array(names, dtype=object)[indexes]
        for index, name in enumerate(names):
            if others := self.spellings.get(name):
                rare = np.flatnonzero((indexes == index) & ~bad)[2::3]
                written[rare] = np.resize(np.array(others, dtype=object), len(rare))
        return list(written)


def _taken(texts: Sequence[str], indexes: NDArray[Any]) -> list[str]:
    """The text at each index."""
    taken: list[str] = np.array(texts, dtype=object)[indexes].tolist()
    return taken
