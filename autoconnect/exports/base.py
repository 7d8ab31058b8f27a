"""The definition of a format, and the pieces in which formats write a table."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from autoconnect.core.table import Table

Item = TypeVar("Item")

#: Rows of one piece: enough to be fast, few enough to stay small in memory.
CHUNK_ROWS = 1_000


@dataclass(frozen=True)
class Format:
    """A format of tables: its name, media type and file suffix, and the function that writes a table.

    `write(table, head)` yields the file in pieces of at most CHUNK_ROWS rows. `head` describes the table, before its
    rows; formats that have no place for it leave it out.
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
