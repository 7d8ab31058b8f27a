"""Tables of metrics as text: JSON with exact decimals, and CSV."""

import csv
import io
from collections.abc import Sequence

import simplejson

from autoconnect.core.metrics.base import Row, Table


def table_json(table: Table) -> str:
    """A table as JSON, `{"rows": [...]}` and its `note` if it has one; decimals are exact numbers."""
    return simplejson.dumps(table_fields(table), use_decimal=True)


def table_fields(table: Table) -> dict[str, object]:
    """A table as the fields of a JSON object."""
    return {"rows": table.rows} | ({"note": table.note} if table.note else {})


def table_csv(columns: Sequence[str], rows: Sequence[Row]) -> str:
    """A table as CSV with a header; null is the empty field."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
