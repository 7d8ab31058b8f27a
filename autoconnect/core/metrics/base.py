"""The form of a metric: a tidy table with named columns, computed from the selected cells of a cube."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from autoconnect.core.cube import Cube
from autoconnect.core.table import Column, Table
from autoconnect.errors import SelectionError


@dataclass(frozen=True)
class JobFacts:
    """Facts of the whole job that metrics report, whatever the filter."""

    rows_read: int
    rows_rejected: int
    has_cost: bool


@dataclass(frozen=True)
class Option:
    """A parameter of a metric besides the filters: a whole number; `meaning` is its help text."""

    meaning: str
    default: int
    lowest: int
    highest: int

    def read(self, name: str, text: str) -> int:
        """The value of the option `name`; raises SelectionError if `text` is not a whole number within the bounds."""
        if not (text.isascii() and text.isdigit() and len(text) < 10 and self.lowest <= int(text) <= self.highest):
            raise SelectionError(
                name, f"{name} is {text!r}; expected a whole number from {self.lowest} to {self.highest}."
            )
        return int(text)


@dataclass(frozen=True)
class Request:
    """The input of a metric: the selected cells, the facts of the job, and the values of the options."""

    cube: Cube
    facts: JobFacts
    options: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Metric:
    """An entry of the catalogue; `by_day`: it needs days, while months are enough for the others."""

    name: str
    definition: str
    columns: tuple[Column, ...]
    compute: Callable[[Request], Table]
    options: Mapping[str, Option] = field(default_factory=dict)
    by_day: bool = False
