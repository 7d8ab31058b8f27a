"""What a format is: a name, how HTTP and files call it, and a function that writes a table."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from autoconnect.core.table import Table

Item = TypeVar("Item")

#: Rows that are written at a time: enough to be quick, few enough to stay small in memory.
CHUNK_ROWS = 1_000


@dataclass(frozen=True)
class Format:
    """A format of tables.

    `write(table, head)` yields the file in pieces, one for each CHUNK_ROWS rows at most. `head` is what is said about
    the table before its rows; formats that have no place for it leave it out.
    """

    name: str
    media_type: str
    suffix: str
    write: Callable[[Table, Mapping[str, object]], Iterator[bytes]]


def chunks(items: Iterable[Item]) -> Iterator[list[Item]]:
    """The items in lists of CHUNK_ROWS; the last may be shorter, and there is none if there are no items."""
    iterator = iter(items)
    while chunk := list(islice(iterator, CHUNK_ROWS)):
        yield chunk
