"""The correct answers, computed as plainly as possible: straight-line Python on the whole file in memory.

The oracle shares no line with the product, follows the contract of the input rule by rule, and is slow; all fast code
is compared with it. `read_file` makes rows of a file, `metric` and `query` make tables of rows.
"""

from tests.oracle.arithmetic import Table
from tests.oracle.columns import HEADERS
from tests.oracle.fields import MISSING, TYPES
from tests.oracle.metrics import METRICS, metric
from tests.oracle.names import display_names, folded, with_display_names
from tests.oracle.reading import Reading, read_file, read_rows
from tests.oracle.rollup import KEYS, MEASURES, query, select
from tests.oracle.rows import Note, Reject, Row

__all__ = [
    "HEADERS",
    "KEYS",
    "MEASURES",
    "METRICS",
    "MISSING",
    "TYPES",
    "Note",
    "Reading",
    "Reject",
    "Row",
    "Table",
    "display_names",
    "folded",
    "metric",
    "query",
    "read_file",
    "read_rows",
    "select",
    "with_display_names",
]
