"""Tables of metrics as text: JSON with exact decimals, and CSV."""

import csv
import io
from collections.abc import Sequence

import simplejson

from autoconnect.core.metrics.base import Row, Table

#: Spreadsheets compute a text that begins with one of these.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def table_json(table: Table) -> str:
    """A table as JSON, `{"rows": [...]}` and its `note` if it has one; decimals are exact numbers."""
    return simplejson.dumps(table_fields(table), use_decimal=True)


def table_fields(table: Table) -> dict[str, object]:
    """A table as the fields of a JSON object."""
    return {"rows": table.rows} | ({"note": table.note} if table.note else {})


def table_csv(columns: Sequence[str], rows: Sequence[Row]) -> str:
    """A table as CSV with a header; null is the empty field.

    A text that a spreadsheet would compute gets an apostrophe before it, because names come from untrusted files.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_without_formula(row[column]) for column in columns] for row in rows)
    return buffer.getvalue()


def _without_formula(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA_STARTS) else value
