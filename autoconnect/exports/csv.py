"""CSV as in RFC 4180: a header, CR LF at the end of each line, an empty field for null.

A text that a spreadsheet would compute as a formula gets an apostrophe before it: anyone may have written it.
"""

import csv
import io
from collections.abc import Iterator, Mapping

from autoconnect.core.table import Table
from autoconnect.exports.base import Format, chunks

#: Spreadsheets compute a text that begins with one of these.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def _write(table: Table, head: Mapping[str, object]) -> Iterator[bytes]:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(table.names)
    for rows in chunks(table.rows):
        writer.writerows([_harmless(row[name]) for name in table.names] for row in rows)
        yield buffer.getvalue().encode()
        buffer.seek(0)
        buffer.truncate()
    if buffer.tell():  # no rows: only the header
        yield buffer.getvalue().encode()


def _harmless(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA_STARTS) else value


FORMAT = Format("csv", "text/csv", ".csv", _write)
