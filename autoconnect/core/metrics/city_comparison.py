"""The cities side by side, the highest revenue first."""

from collections.abc import Mapping
from decimal import Decimal

import numpy as np

from autoconnect.core.columns import CITY
from autoconnect.core.exact import mean_money, money, month_name, pct
from autoconnect.core.metrics.base import Metric, Request
from autoconnect.core.table import Column, Kind, LazyRows, Row, Table
from autoconnect.core.tabulate import Counts, tabulate

_COLUMNS = (
    CITY,
    Column("rank", Kind.RANK, "rank"),
    Column("transactions", Kind.COUNT, "count"),
    Column("revenue", Kind.MONEY, "EUR"),
    Column("revenue_pct", Kind.PERCENT, "%"),
    Column("average_ticket", Kind.MONEY, "EUR"),
    Column("average_sale", Kind.MONEY, "EUR"),
    Column("average_rental", Kind.MONEY, "EUR"),
    Column("best_month", Kind.MONTH, "YYYY-MM"),
    Column("last_month_growth_pct", Kind.PERCENT, "%"),
)


def _compute(request: Request) -> Table:
    names, total = request.cube.cities, request.cube.total("revenue")
    by_month = tabulate(request.cube, ("city", "month"), ("revenue",))
    last_month = int(by_month.column("month").max()) if by_month else 0

    def row(counts: Counts) -> Row:
        months = by_month.of("city", counts["city"]).pairs("month", "revenue")
        best = min(months, key=lambda month: (-months[month], month))
        return {
            "city": names[counts["city"]],
            "rank": counts["rank"],
            "transactions": counts["transactions"],
            "revenue": money(counts["revenue"]),
            "revenue_pct": pct(counts["revenue"], total),
            "average_ticket": mean_money(counts["revenue"], counts["transactions"]),
            "average_sale": mean_money(counts["sales_revenue"], counts["sales"]),
            "average_rental": mean_money(counts["rental_revenue"], counts["rentals"]),
            "best_month": month_name(best),
            "last_month_growth_pct": _growth_pct(months, last_month),
        }

    measures = ("transactions", "revenue", "sales", "rentals", "sales_revenue", "rental_revenue")
    cities = tabulate(request.cube, ("city",), measures)
    ranked = cities.pick(np.lexsort((cities.column("city"), -cities.column("revenue"))))
    return Table(_COLUMNS, LazyRows(ranked.having("rank", np.arange(1, len(ranked) + 1)), row))


def _growth_pct(revenue: Mapping[int, int], last_month: int) -> Decimal | None:
    if last_month not in revenue or last_month - 1 not in revenue:
        return None
    before = revenue[last_month - 1]
    return pct(revenue[last_month] - before, before)


METRIC = Metric(
    name="city-comparison",
    definition=(
        "Cities ranked by revenue, then by name. best_month is the month with the highest revenue, the earliest on a "
        "tie; last_month_growth_pct compares the selection's last calendar month with the one before, null if the city "
        "lacks either."
    ),
    columns=_COLUMNS,
    compute=_compute,
)
