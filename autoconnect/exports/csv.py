"""CSV as in RFC 4180: a header, CR LF at the end of each line, an empty field for null.

Other programs, such as a French Excel, expect other marks; `format_with` makes the format that has them.

A text that a spreadsheet would compute as a formula gets an apostrophe before it: anyone may have written it.
"""

import csv
import io
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from unicodedata import normalize

from autoconnect.core.table import Table
from autoconnect.exports.base import Format, chunks

#: Spreadsheets compute a text that begins with one of these signs, perhaps after white space or invisible characters.
_SIGNS = ("=", "+", "-", "@")
#: They may drop one of these at the start of a text.
_DROPPED = ("\t", "\r", "\n")


@dataclass(frozen=True)
class Marks:
    """The marks of a CSV: whether a byte order mark comes first, what separates fields, the decimal mark."""

    bom: bool = False
    delimiter: str = ","
    decimal: str = "."


def format_with(marks: Marks) -> Format:
    """CSV with these marks. A number that contains the delimiter is quoted."""
    return replace(FORMAT, write=partial(_write, marks=marks))


def _write(table: Table, head: Mapping[str, object], marks: Marks = Marks()) -> Iterator[bytes]:
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=marks.delimiter, lineterminator="\r\n")
    before = BOM_UTF8 if marks.bom else b""
    writer.writerow(table.names)
    for rows in chunks(table.rows):
        writer.writerows([_field(row[name], marks.decimal) for name in table.names] for row in rows)
        yield before + buffer.getvalue().encode()
        before = b""
        buffer.seek(0)
        buffer.truncate()
    if buffer.tell():  # no rows: only the header
        yield before + buffer.getvalue().encode()


def _field(value: object, decimal: str) -> object:
    if isinstance(value, Decimal):
        return str(value).replace(".", decimal)
    return f"'{value}" if isinstance(value, str) and _may_be_formula(value) else value


def _may_be_formula(text: str) -> bool:
    first = next((char for char in text if char.isprintable() and char != " "), "")
    return normalize("NFKC", first) in _SIGNS or text.startswith(
        _DROPPED
    )  # NFKC turns full-width signs into plain ones


FORMAT = Format("csv", "text/csv", ".csv", _write)
