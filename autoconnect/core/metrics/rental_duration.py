"""The duration of rentals of each model in each city."""

from fractions import Fraction

from autoconnect.core.columns import CITY, MODEL
from autoconnect.core.exact import ratio, square_root
from autoconnect.core.metrics.base import Metric, Request
from autoconnect.core.table import Column, Kind, LazyRows, Row, Table
from autoconnect.core.tabulate import Counts, tabulate

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
    cities, models = request.cube.cities, request.cube.models

    def row(counts: Counts) -> Row:
        rentals, months = counts["durations"], counts["months"]
        variance = Fraction(rentals * counts["months_squared"] - months**2, rentals**2)
        return {
            "city": cities[counts["city"]],
            "model": models[counts["model"]],
            "rentals": rentals,
            "mean_months": ratio(months, rentals),
            "std_months": square_root(variance),
            "min_months": counts["min_months"],
            "max_months": counts["max_months"],
        }

    measures = ("durations", "months", "months_squared", "min_months", "max_months")
    groups = tabulate(request.cube, ("city", "model"), measures)
    return Table(_COLUMNS, LazyRows(groups.pick(groups.column("durations") > 0), row))


METRIC = Metric(
    name="rental-duration",
    definition=(
        "Duration of the rentals that carry one (temps moyen de rotation); std_months is the population standard "
        "deviation."
    ),
    columns=_COLUMNS,
    compute=_compute,
)
