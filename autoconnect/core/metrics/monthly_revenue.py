"""The revenue of each city by calendar month."""

from autoconnect.core.columns import CITY, MONTH
from autoconnect.core.exact import money, month_name
from autoconnect.core.metrics.base import Metric, Request
from autoconnect.core.table import Column, Kind, LazyRows, Row, Table
from autoconnect.core.tabulate import Counts, tabulate

_COLUMNS = (
    CITY,
    MONTH,
    Column("transactions", Kind.COUNT, "count"),
    Column("revenue", Kind.MONEY, "EUR"),
    Column("sales_revenue", Kind.MONEY, "EUR"),
    Column("rental_revenue", Kind.MONEY, "EUR"),
)


def _compute(request: Request) -> Table:
    cities = request.cube.cities

    def row(counts: Counts) -> Row:
        return {
            "city": cities[counts["city"]],
            "month": month_name(counts["month"]),
            "transactions": counts["transactions"],
            "revenue": money(counts["revenue"]),
            "sales_revenue": money(counts["sales_revenue"]),
            "rental_revenue": money(counts["rental_revenue"]),
        }

    measures = ("transactions", "revenue", "sales_revenue", "rental_revenue")
    return Table(_COLUMNS, LazyRows(tabulate(request.cube, ("city", "month"), measures), row))


METRIC = Metric(
    name="monthly-revenue",
    definition="Sum of prices per city and calendar month: of all transactions, of sales and of rentals.",
    columns=_COLUMNS,
    compute=_compute,
)
