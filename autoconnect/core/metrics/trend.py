"""The trend of revenue: a straight line through the last months."""

from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np

from autoconnect.core.columns import CITY
from autoconnect.core.exact import money, month_name, ratio
from autoconnect.core.metrics.base import Metric, Number, Request
from autoconnect.core.table import Column, Kind, LazyRows, Row, Table
from autoconnect.core.tabulate import tabulate

_COLUMNS = (
    CITY,
    Column("months_used", Kind.COUNT, "count"),
    Column("slope_per_month", Kind.MONEY, "EUR"),
    Column("r2", Kind.RATIO, "ratio"),
    Column("forecast_month", Kind.MONTH, "YYYY-MM"),
    Column("forecast_revenue", Kind.MONEY, "EUR"),
)


def _compute(request: Request) -> Table:
    names, months = request.cube.cities, request.options["months"]
    revenue_of_all = tabulate(request.cube, ("month",), ("revenue",)).pairs("month", "revenue")
    by_city = tabulate(request.cube, ("city", "month"), ("revenue",))

    def row(city: int | None) -> Row:
        if city is None:
            return _row(None, revenue_of_all, months)
        return _row(names[city], by_city.of("city", city).pairs("month", "revenue"), months)

    return Table(_COLUMNS, LazyRows([*np.unique(by_city.column("city")).tolist(), None], row))


def _row(city: str | None, revenue: Mapping[int, int], months: int) -> Row:
    """Ordinary least squares of revenue over calendar month, through the last `months` months present."""
    used = sorted(revenue)[-months:]
    row: Row = dict.fromkeys(column.name for column in _COLUMNS) | {"city": city, "months_used": len(used)}
    if len(used) < 2:
        return row
    x_mean = Fraction(sum(used), len(used))
    y_mean = Fraction(sum(revenue[x] for x in used), len(used))
    x_deviations = [x - x_mean for x in used]
    y_deviations = [revenue[x] - y_mean for x in used]
    xx, xy, yy = _dot(x_deviations, x_deviations), _dot(x_deviations, y_deviations), _dot(y_deviations, y_deviations)
    slope = xy / xx
    forecast = used[-1] + 1
    line: Row = {
        "slope_per_month": money(slope),
        "r2": ratio(xy**2, xx * yy, digits=4),
        "forecast_month": month_name(forecast),
        "forecast_revenue": money(y_mean + slope * (forecast - x_mean)),
    }
    return row | line


def _dot(left: Sequence[Fraction], right: Sequence[Fraction]) -> Fraction:
    return sum((a * b for a, b in zip(left, right, strict=True)), Fraction(0))


METRIC = Metric(
    name="trend",
    definition=(
        "Ordinary least squares of monthly revenue over the last months present (a gap counts as time), and the "
        "forecast for the calendar month after the last one; per city, and for all cities together (city is null)."
    ),
    columns=_COLUMNS,
    compute=_compute,
    options={"months": Number("For trend: last months used; default: 3.", default=3, lowest=3, highest=24)},
)
