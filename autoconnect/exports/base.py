"""The definition of a format, and the pieces in which formats write a table."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeVar

from autoconnect.core.table import Kind, Table
from autoconnect.models import Job

Item = TypeVar("Item")

#: Rows of one piece: enough to be fast, few enough to stay small in memory.
CHUNK_ROWS = 1_000


@dataclass(frozen=True)
class Format:
    """A format of tables: its name, media type and file suffix, and the function that writes a table.

    `write(table, head)` yields the file in pieces: it is never in memory as a whole. `head` describes the table, before
    its rows; formats that have no place for it leave it out. A file that must be built before it is read begins with
    empty pieces, between which other work may be done. It raises SelectionError if the format cannot hold the table.
    """

    name: str
    media_type: str
    suffix: str
    write: Callable[[Table, Mapping[str, object]], Iterator[bytes]]


def chunks(items: Iterable[Item], size: int = CHUNK_ROWS) -> Iterator[list[Item]]:
    """The items in lists of `size`; the last may be shorter, and there is none if there are no items."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def with_currency(table: Table, job: Job | None) -> Table:
    """The table with the currency that the job's source names as the unit of money; none if it names none."""
    unit = (job and job.dialect and job.dialect.currency) or ""
    columns = [replace(column, unit=unit) if column.kind is Kind.MONEY else column for column in table.columns]
    return replace(table, columns=tuple(columns))
