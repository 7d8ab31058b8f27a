"""The form of a metric: a tidy table with named columns, computed from the selected cells of a cube."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from autoconnect.core.cube import Cube
from autoconnect.core.selection import Earlier
from autoconnect.core.table import Column, Table
from autoconnect.errors import SelectionError

#: Values of options by name: whole numbers, names, or None for one that is not chosen.
Options = Mapping[str, Any]


@dataclass(frozen=True)
class JobFacts:
    """Facts of the whole job that metrics report, whatever the filter."""

    rows_read: int
    rows_rejected: int
    has_cost: bool


@dataclass(frozen=True)
class Number:
    """A parameter of a metric besides the filters: a whole number; `meaning` is its help text."""

    meaning: str
    default: int
    lowest: int
    highest: int

    @property
    def expected(self) -> str:
        """The values that it accepts."""
        return f"{self.lowest:,} to {self.highest:,}"

    def read(self, name: str, text: str) -> int:
        """The value of the option `name`; raises SelectionError if `text` is not a whole number within the bounds."""
        if not (text.isascii() and text.isdigit() and len(text) < 10 and self.lowest <= int(text) <= self.highest):
            raise SelectionError(
                name, f"{name} is {text!r}; expected a whole number from {self.lowest} to {self.highest}."
            )
        return int(text)


@dataclass(frozen=True)
class Choice:
    """A parameter of a metric besides the filters: one of a few names, or none; `meaning` is its help text."""

    meaning: str
    names: tuple[str, ...]
    default: None = None

    @property
    def expected(self) -> str:
        """The values that it accepts."""
        return " or ".join(self.names)

    def read(self, name: str, text: str) -> str:
        """The value of the option `name`; raises SelectionError if `text` is none of the names."""
        if text not in self.names:
            raise SelectionError(name, f"{name} is {text!r}; expected {self.expected}.")
        return text


Option = Number | Choice


@dataclass(frozen=True)
class Request:
    """The input of a metric: the selected cells, the facts of the job, and the values of the options.

    `earlier` has the cells that the metric compares the selected ones with, under the same names of cities and models.
    """

    cube: Cube
    facts: JobFacts
    options: Options
    earlier: Cube


def _nothing(_: Options) -> None:
    return None


@dataclass(frozen=True)
class Metric:
    """An entry of the catalogue; `by_day`: it needs days, while months are enough for the others.

    `earlier` tells, by the options, which cells the selected ones are compared with, None for none. `more_columns` are
    those that only a table with some option has.
    """

    name: str
    definition: str
    columns: tuple[Column, ...]
    compute: Callable[[Request], Table]
    options: Mapping[str, Option] = field(default_factory=dict)
    by_day: bool = False
    earlier: Callable[[Options], Earlier | None] = _nothing
    more_columns: tuple[Column, ...] = ()
