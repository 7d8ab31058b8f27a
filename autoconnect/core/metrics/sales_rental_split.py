"""The shares of sales and rentals in each city's business."""

from autoconnect.core.columns import CITY
from autoconnect.core.exact import money, pct
from autoconnect.core.metrics.base import Metric, Request
from autoconnect.core.table import Column, Kind, LazyRows, Row, Table
from autoconnect.core.tabulate import Counts, tabulate

_COLUMNS = (
    CITY,
    Column("sales", Kind.COUNT, "count"),
    Column("rentals", Kind.COUNT, "count"),
    Column("sales_pct", Kind.PERCENT, "%"),
    Column("rentals_pct", Kind.PERCENT, "%"),
    Column("sales_revenue", Kind.MONEY, "EUR"),
    Column("rental_revenue", Kind.MONEY, "EUR"),
    Column("sales_revenue_pct", Kind.PERCENT, "%"),
    Column("rental_revenue_pct", Kind.PERCENT, "%"),
)


def _compute(request: Request) -> Table:
    cities = request.cube.cities

    def row(counts: Counts) -> Row:
        return {
            "city": cities[counts["city"]],
            "sales": counts["sales"],
            "rentals": counts["rentals"],
            "sales_pct": pct(counts["sales"], counts["transactions"]),
            "rentals_pct": pct(counts["rentals"], counts["transactions"]),
            "sales_revenue": money(counts["sales_revenue"]),
            "rental_revenue": money(counts["rental_revenue"]),
            "sales_revenue_pct": pct(counts["sales_revenue"], counts["revenue"]),
            "rental_revenue_pct": pct(counts["rental_revenue"], counts["revenue"]),
        }

    measures = ("transactions", "revenue", "sales", "rentals", "sales_revenue", "rental_revenue")
    return Table(_COLUMNS, LazyRows(tabulate(request.cube, ("city",), measures), row))


METRIC = Metric(
    name="sales-rental-split",
    definition="Counts and revenues of sales and rentals per city, and their shares of the city's total.",
    columns=_COLUMNS,
    compute=_compute,
)
