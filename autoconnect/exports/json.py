"""JSON: one object with the head, the names of the columns, the rows as objects and the note.

Decimals are exact numbers, digit for digit.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

import orjson

from autoconnect.core.table import Column, Row, Table
from autoconnect.exports.base import Format, chunks


def dumps(value: object) -> bytes:
    """A value as JSON text, with exact decimals and every letter as it is."""
    return orjson.dumps(value, default=_exact)


def _exact(value: object) -> orjson.Fragment:
    """A decimal, digit for digit; raises TypeError for a value that JSON cannot hold."""
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value))
    raise TypeError(f"JSON cannot hold {value!r}.")


def table_json(table: Table) -> bytes:
    """A table as one JSON object, without a head."""
    return b"".join(_write(table, {}))


def read_table(data: bytes, columns: Sequence[Column]) -> Table:
    """Read a table with these columns from the JSON that `table_json` wrote, with exact decimals."""
    document = json.loads(data, parse_float=Decimal)
    return Table(tuple(columns), document["rows"], document.get("note"))


def _write(table: Table, head: Mapping[str, object]) -> Iterator[bytes]:
    before = dumps({**head, "columns": table.names})[:-1] + b',"rows":['
    note = b',"note":' + dumps(table.note) if table.note else b""
    return _pieces(before, table.rows, b"]" + note + b"}")


def _write_items(table: Table, head: Mapping[str, object]) -> Iterator[bytes]:
    return _pieces(b'{"items":[', table.rows, b"]," + dumps(head)[1:])


def _pieces(before: bytes, rows: Iterable[Row], after: bytes) -> Iterator[bytes]:
    """The rows of a list in pieces, with what comes before and after it."""
    piece = before
    for number, some_rows in enumerate(chunks(rows)):
        if number:
            yield piece
            piece = b","
        piece += dumps(some_rows)[1:-1]
    yield piece + after


FORMAT = Format("json", "application/json", ".json", _write)
#: A list of the API: `items`, and then the head.
ITEMS = Format("items", "application/json", ".json", _write_items)
