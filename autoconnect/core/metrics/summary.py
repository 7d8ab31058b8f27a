"""The selection in one row."""

import numpy as np

from autoconnect.core.exact import day_name, money
from autoconnect.core.metrics import comparison
from autoconnect.core.metrics.base import Choice, Metric, Request
from autoconnect.core.table import Column, Kind, Row, Table

_COLUMNS = (
    Column("transactions", Kind.COUNT, "count"),
    Column("revenue", Kind.MONEY, "EUR"),
    Column("cities", Kind.COUNT, "count"),
    Column("models", Kind.COUNT, "count"),
    Column("first_date", Kind.DAY, "YYYY-MM-DD"),
    Column("last_date", Kind.DAY, "YYYY-MM-DD"),
    Column("rows_read", Kind.COUNT, "count"),
    Column("rows_rejected", Kind.COUNT, "count"),
)
#: Those of a comparison come first.
_COMPARED_COLUMNS = (*comparison.COLUMNS, *(column for column in _COLUMNS if column not in comparison.COLUMNS))


def _compute(request: Request) -> Table:
    cube = request.cube
    row: Row = {
        "transactions": cube.total("transactions"),
        "revenue": money(cube.total("revenue")),
        "cities": int(np.count_nonzero(np.bincount(cube.city))),
        "models": int(np.count_nonzero(np.bincount(cube.model))),
        "first_date": day_name(int(cube.day.min())) if len(cube) else None,
        "last_date": day_name(int(cube.day.max())) if len(cube) else None,
        "rows_read": request.facts.rows_read,
        "rows_rejected": request.facts.rows_rejected,
    }
    if request.options["compare"] is None:
        return Table(_COLUMNS, [row])
    row |= comparison.row_of(cube, request.earlier)
    return Table(_COMPARED_COLUMNS, [{column.name: row[column.name] for column in _COMPARED_COLUMNS}])


METRIC = Metric(
    name="summary",
    definition="The selection in one row; rows_read and rows_rejected count the whole job, whatever the filter.",
    columns=_COLUMNS,
    compute=_compute,
    options={
        "compare": Choice(
            "For summary: previous or year, to compare with the period just before, or the same one a year earlier.",
            tuple(comparison.PERIODS),
        )
    },
    by_day=True,
    earlier=lambda options: comparison.PERIODS.get(options["compare"]),
    more_columns=tuple(column for column in _COMPARED_COLUMNS if column not in _COLUMNS),
)
