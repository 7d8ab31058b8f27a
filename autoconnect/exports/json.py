"""JSON: one object with the head, the names of the columns, the rows as objects and the note.

Decimals are exact numbers, digit for digit.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import simplejson

from autoconnect.core.table import Column, Row, Table
from autoconnect.exports.base import Format, chunks


def dumps(value: object) -> str:
    """A value as JSON text, with exact decimals and every letter as it is."""
    text: str = simplejson.dumps(value, use_decimal=True, ensure_ascii=False)
    return text


def dumps_ascii(value: object) -> str:
    """The same in ASCII, for terminals, which may not have every letter."""
    text: str = simplejson.dumps(value, use_decimal=True)
    return text


def table_json(table: Table) -> bytes:
    """A table as one JSON object, without a head."""
    return b"".join(_write(table, {}))


def read_table(data: bytes, columns: Sequence[Column]) -> Table:
    """Read a table with these columns from the JSON that `table_json` wrote, with exact decimals."""
    document = simplejson.loads(data, use_decimal=True)
    return Table(tuple(columns), document["rows"], document.get("note"))


def _write(table: Table, head: Mapping[str, object]) -> Iterator[bytes]:
    before = f'{dumps({**head, "columns": table.names})[:-1]}, "rows": ['
    note = f', "note": {dumps(table.note)}' if table.note else ""
    return _pieces(before, table.rows, f"]{note}}}", dumps, ", ")


def _write_items(table: Table, head: Mapping[str, object]) -> Iterator[bytes]:
    return _pieces('{"items":[', table.rows, f"],{_compact(head)[1:]}", _compact, ",")


def _pieces(
    before: str, rows: Iterable[Row], after: str, dump: Callable[[Sequence[Row]], str], separator: str
) -> Iterator[bytes]:
    """The rows of a list in pieces, with the text before and after it."""
    text = before
    for number, piece in enumerate(chunks(rows)):
        if number:
            yield text.encode()
            text = separator
        text += dump(piece)[1:-1]
    yield f"{text}{after}".encode()


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


FORMAT = Format("json", "application/json", ".json", _write)
#: A list of the API: `items`, which have no decimals, and then the head, without spaces.
ITEMS = Format("items", "application/json", ".json", _write_items)
