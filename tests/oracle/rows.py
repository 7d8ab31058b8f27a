"""What becomes of a row: an accepted transaction, or a reject with its reason."""

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple


class Row(NamedTuple):
    """An accepted transaction; amounts are in cents, and only rentals that carry a duration have `months`."""

    id: str
    day: date
    city: str
    type: str
    model: str
    price: int
    months: int | None = None
    cost: int | None = None


class Reject(NamedTuple):
    """A rejected row: its first physical line (from 1), and the field at fault if it is the fault of one field.

    `value` is the trimmed text as a user is shown it, `text` the same as it is in the file.
    """

    line: int
    reason: str
    column: str | None = None
    value: str | None = None
    text: str | None = None


@dataclass(frozen=True)
class Note:
    """Something that a user should know about a job; `line` is the first one concerned."""

    code: str
    count: int
    line: int | None = None
