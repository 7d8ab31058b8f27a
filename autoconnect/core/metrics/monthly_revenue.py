"""Revenue of each city by calendar month."""

from autoconnect.core.exact import money, month_name
from autoconnect.core.metrics.base import Metric, Request, Row, Table
from autoconnect.core.tabulate import tabulate


def _compute(request: Request) -> Table:
    measures = ("transactions", "revenue", "sales_revenue", "rental_revenue")
    rows: list[Row] = [
        {
            "city": request.cube.cities[found["city"]],
            "month": month_name(found["month"]),
            "transactions": found["transactions"],
            "revenue": money(found["revenue"]),
            "sales_revenue": money(found["sales_revenue"]),
            "rental_revenue": money(found["rental_revenue"]),
        }
        for found in tabulate(request.cube, ("city", "month"), measures)
    ]
    return Table(rows)


METRIC = Metric(
    name="monthly-revenue",
    definition="Sum of prices per city and calendar month, sales and rentals together and apart.",
    columns={
        "city": "name",
        "month": "YYYY-MM",
        "transactions": "count",
        "revenue": "EUR",
        "sales_revenue": "EUR",
        "rental_revenue": "EUR",
    },
    compute=_compute,
)
