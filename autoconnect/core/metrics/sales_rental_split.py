"""How much of each city's business is sales, and how much rentals."""

from autoconnect.core.exact import money, pct
from autoconnect.core.metrics.base import Metric, Request, Row, Table
from autoconnect.core.tabulate import tabulate


def _compute(request: Request) -> Table:
    measures = ("transactions", "revenue", "sales", "rentals", "sales_revenue", "rental_revenue")
    rows: list[Row] = [
        {
            "city": request.cube.cities[found["city"]],
            "sales": found["sales"],
            "rentals": found["rentals"],
            "sales_pct": pct(found["sales"], found["transactions"]),
            "rentals_pct": pct(found["rentals"], found["transactions"]),
            "sales_revenue": money(found["sales_revenue"]),
            "rental_revenue": money(found["rental_revenue"]),
            "sales_revenue_pct": pct(found["sales_revenue"], found["revenue"]),
            "rental_revenue_pct": pct(found["rental_revenue"], found["revenue"]),
        }
        for found in tabulate(request.cube, ("city",), measures)
    ]
    return Table(rows)


METRIC = Metric(
    name="sales-rental-split",
    definition="Counts and revenues of sales and rentals per city, and their shares of the city's total.",
    columns={
        "city": "name",
        "sales": "count",
        "rentals": "count",
        "sales_pct": "%",
        "rentals_pct": "%",
        "sales_revenue": "EUR",
        "rental_revenue": "EUR",
        "sales_revenue_pct": "%",
        "rental_revenue_pct": "%",
    },
    compute=_compute,
)
