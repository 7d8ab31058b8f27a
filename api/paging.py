"""Pages of tables: a cursor says where the next one begins, and holds only for the same query of the same result."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from hashlib import blake2b

from pydantic import Field

from api.formats import FormatParameters
from autoconnect.errors import SelectionError
from autoconnect.exports import json
from autoconnect.exports.base import Format

#: Rows of an answer in JSON, unless the client says how many.
_PAGE_ROWS = 1_000
#: Bytes of a cursor's owner, and of the row that it begins with.
_OWNER_BYTES = _ROW_BYTES = 6
#: Characters of an unreadable cursor that an error shows.
_MAX_SHOWN = 100

#: The description of `limit=`.
LIMIT = "Maximum number of rows; default: 1,000 in JSON, all in other formats."


class TableParameters(FormatParameters):
    """The parameters of every answer with a table: its format, and which rows it has."""

    limit: int | None = Field(None, ge=1, le=100_000, description=LIMIT)
    cursor: str | None = Field(None, description="The next_cursor of the previous page; leave all else as it was.")

    @property
    def has_long_pages(self) -> bool:
        """Whether the client asks for longer pages than by default."""
        return (self.limit or 0) > _PAGE_ROWS

    def max_rows(self, form: Format) -> int | None:
        """The largest number of rows in this format, None for all."""
        return self.limit or (_PAGE_ROWS if form == json.FORMAT else None)


def owner_of(*query: object) -> bytes:
    """What the cursors of a query belong to; `query` names it, its filters and the version of the result."""
    return blake2b(repr(query).encode(), digest_size=_OWNER_BYTES).digest()


def cursor_at(row: int, owner: bytes) -> str:
    """The cursor of a page that begins with this row, counted from 0."""
    return urlsafe_b64encode(row.to_bytes(_ROW_BYTES) + owner).decode()


def read_cursor(cursor: str | None, owner: bytes) -> int:
    """The row that a page begins with; raises SelectionError for a cursor of another query or result."""
    if cursor is None:
        return 0
    try:
        data = urlsafe_b64decode(cursor.encode())
    except Error:
        data = b""
    if len(data) != _ROW_BYTES + _OWNER_BYTES or data[_ROW_BYTES:] != owner:
        raise SelectionError(
            "cursor",
            f"cursor is {cursor[:_MAX_SHOWN]!r}; expected the next_cursor of an answer to this call, with the same "
            "parameters and from the same result; begin again without a cursor.",
        )
    return int.from_bytes(data[:_ROW_BYTES])
