"""How long each model is rented for in each city."""

from fractions import Fraction

from autoconnect.core.exact import ratio, square_root
from autoconnect.core.metrics.base import Metric, Request, Row, Table
from autoconnect.core.tabulate import tabulate


def _compute(request: Request) -> Table:
    cube = request.cube
    measures = ("durations", "months", "months_squared", "min_months", "max_months")
    rows: list[Row] = []
    for found in tabulate(cube, ("city", "model"), measures):
        rentals, months = found["durations"], found["months"]
        if rentals == 0:
            continue
        variance = Fraction(found["months_squared"], rentals) - Fraction(months, rentals) ** 2
        rows.append(
            {
                "city": cube.cities[found["city"]],
                "model": cube.models[found["model"]],
                "rentals": rentals,
                "mean_months": ratio(months, rentals),
                "std_months": square_root(variance),
                "min_months": found["min_months"],
                "max_months": found["max_months"],
            }
        )
    return Table(rows)


METRIC = Metric(
    name="rental-duration",
    definition="Duration of rentals that carry one (temps moyen de rotation); std is that of the population.",
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
