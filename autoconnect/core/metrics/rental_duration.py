"""The duration of rentals of each model in each city."""

from fractions import Fraction

from autoconnect.core.columns import CITY, MODEL
from autoconnect.core.exact import ratio, square_root
from autoconnect.core.metrics.base import Metric, Request
from autoconnect.core.table import Column, Kind, Row, Table
from autoconnect.core.tabulate import tabulate

_COLUMNS = (
    CITY,
    MODEL,
    Column("rentals", Kind.COUNT, "count"),
    Column("mean_months", Kind.DURATION, "months"),
    Column("std_months", Kind.DURATION, "months"),
    Column("min_months", Kind.DURATION, "months"),
    Column("max_months", Kind.DURATION, "months"),
)


def _compute(request: Request) -> Table:
    cube = request.cube
    measures = ("durations", "months", "months_squared", "min_months", "max_months")
    rows: list[Row] = []
    for counts in tabulate(cube, ("city", "model"), measures):
        rentals, months = counts["durations"], counts["months"]
        if rentals == 0:
            continue
        variance = Fraction(counts["months_squared"], rentals) - Fraction(months, rentals) ** 2
        rows.append(
            {
                "city": cube.cities[counts["city"]],
                "model": cube.models[counts["model"]],
                "rentals": rentals,
                "mean_months": ratio(months, rentals),
                "std_months": square_root(variance),
                "min_months": counts["min_months"],
                "max_months": counts["max_months"],
            }
        )
    return Table(_COLUMNS, rows)


METRIC = Metric(
    name="rental-duration",
    definition=(
        "Duration of the rentals that carry one (temps moyen de rotation); std_months is the population standard "
        "deviation."
    ),
    columns=_COLUMNS,
    compute=_compute,
)
