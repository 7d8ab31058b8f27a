"""JSON: one object with the head, the names of the columns, the rows as objects and the note.

Decimals are exact numbers, digit for digit.
"""

from collections.abc import Iterator, Mapping, Sequence

import simplejson

from autoconnect.core.table import Column, Table
from autoconnect.exports.base import Format, chunks


def dumps(value: object) -> str:
    """A value as JSON text, with exact decimals."""
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
    text = dumps({**head, "columns": table.names})[:-1] + ', "rows": ['
    for number, rows in enumerate(chunks(table.rows)):
        if number:
            yield text.encode()
            text = ", "
        text += dumps(rows)[1:-1]
    note = f', "note": {dumps(table.note)}' if table.note else ""
    yield f"{text}]{note}}}".encode()


FORMAT = Format("json", "application/json", ".json", _write)
