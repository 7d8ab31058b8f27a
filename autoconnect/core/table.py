"""Tables that know their columns: metrics, roll-ups, rejects, cities and models."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

Value = str | int | Decimal | None
Row = dict[str, Value]


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
