"""CSV as RFC 4180 has it: a header, CR LF at the end of lines, null as the empty field.

A text that a spreadsheet would compute as a formula gets an apostrophe before it: texts come from files of others.
"""

import csv
import io
from collections.abc import Iterator, Mapping

from autoconnect.core.table import Table
from autoconnect.exports.base import Format, chunks

#: Spreadsheets compute a text that begins with one of these.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def _write(table: Table, head: Mapping[str, object]) -> Iterator[bytes]:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(table.names)
    for rows in chunks(table.rows):
        writer.writerows([_harmless(row[name]) for name in table.names] for row in rows)
        yield text.getvalue().encode()
        text.seek(0)
        text.truncate()
    if text.tell():  # no rows: only the header
        yield text.getvalue().encode()


def _harmless(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA_STARTS) else value


FORMAT = Format("csv", "text/csv", ".csv", _write)
