"""Tables that know their columns: metrics, roll-ups, rejects, cities and models."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any, Generic, TypeVar, overload

Value = str | int | Decimal | None
Row = dict[str, Value]
Item = TypeVar("Item")


class Kind(Enum):
    """The kind of a column's values, which decides alignment, number format and chart axis."""

    TEXT = "text"
    NAME = "name"
    COUNT = "count"
    RANK = "rank"
    MONEY = "money"
    PERCENT = "percent"
    RATIO = "ratio"
    DURATION = "duration"
    DAY = "day"
    MONTH = "month"
    YEAR = "year"


@dataclass(frozen=True)
class Column:
    """A column of a table: `unit` is the text that users see, such as `EUR`, `%` or `YYYY-MM`."""

    name: str
    kind: Kind
    unit: str


@dataclass(frozen=True)
class Table:
    """Rows with a value for every column; `note` tells the reader something, such as why there are no rows."""

    columns: tuple[Column, ...]
    rows: Sequence[Row]
    note: str | None = None

    @property
    def names(self) -> list[str]:
        """The names of the columns, in order."""
        return [column.name for column in self.columns]


class LazyRows(Sequence[Row], Generic[Item]):
    """Rows that are made of items whenever they are read: a table needs no more memory than its items, however long."""

    def __init__(self, items: Sequence[Item], make: Callable[[Item], Row]) -> None:
        self._items = items
        self._make = make

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Row]:
        return map(self._make, self._items)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | Sequence[Row]:
        if isinstance(index, slice):
            return LazyRows(self._items[index], self._make)
        return self._make(self._items[index])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (list(self),)
