"""The selection in one row."""

import numpy as np

from autoconnect.core.exact import day_name, money
from autoconnect.core.metrics.base import Metric, Request, Row, Table


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
    return Table([row])


METRIC = Metric(
    name="summary",
    definition="The selection in one row; rows_read and rows_rejected count the whole job, whatever the filter.",
    columns={
        "transactions": "count",
        "revenue": "EUR",
        "cities": "count",
        "models": "count",
        "first_date": "YYYY-MM-DD",
        "last_date": "YYYY-MM-DD",
        "rows_read": "count",
        "rows_rejected": "count",
    },
    compute=_compute,
    by_day=True,
)
