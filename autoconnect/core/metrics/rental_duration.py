"""The duration of rentals of each model in each city."""

from fractions import Fraction

from autoconnect.core.exact import ratio, square_root
from autoconnect.core.metrics.base import Metric, Request, Row, Table
from autoconnect.core.tabulate import tabulate


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
    return Table(rows)


METRIC = Metric(
    name="rental-duration",
    definition=(
        "Duration of the rentals that carry one (temps moyen de rotation); std_months is the population standard "
        "deviation."
    ),
    columns={
        "city": "name",
        "model": "name",
        "rentals": "count",
        "mean_months": "months",
        "std_months": "months",
        "min_months": "months",
        "max_months": "months",
    },
    compute=_compute,
)
