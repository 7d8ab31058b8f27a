"""The shares of sales and rentals in each city's business."""

from autoconnect.core.exact import money, pct
from autoconnect.core.metrics.base import Metric, Request, Row, Table
from autoconnect.core.tabulate import tabulate


def _compute(request: Request) -> Table:
    measures = ("transactions", "revenue", "sales", "rentals", "sales_revenue", "rental_revenue")
    rows: list[Row] = [
        {
            "city": request.cube.cities[counts["city"]],
            "sales": counts["sales"],
            "rentals": counts["rentals"],
            "sales_pct": pct(counts["sales"], counts["transactions"]),
            "rentals_pct": pct(counts["rentals"], counts["transactions"]),
            "sales_revenue": money(counts["sales_revenue"]),
            "rental_revenue": money(counts["rental_revenue"]),
            "sales_revenue_pct": pct(counts["sales_revenue"], counts["revenue"]),
            "rental_revenue_pct": pct(counts["rental_revenue"], counts["revenue"]),
        }
        for counts in tabulate(request.cube, ("city",), measures)
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
