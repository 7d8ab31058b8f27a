"""The cities side by side, the highest revenue first."""

from collections import defaultdict
from decimal import Decimal

from autoconnect.core.columns import CITY
from autoconnect.core.exact import mean_money, money, month_name, pct
from autoconnect.core.metrics.base import Metric, Request
from autoconnect.core.table import Column, Kind, Row, Table
from autoconnect.core.tabulate import tabulate

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
    cube = request.cube
    revenue_by_month: dict[int, dict[int, int]] = defaultdict(dict)
    for counts in tabulate(cube, ("city", "month"), ("revenue",)):
        revenue_by_month[counts["city"]][counts["month"]] = counts["revenue"]
    last_month = max((max(months) for months in revenue_by_month.values()), default=0)
    total = cube.total("revenue")
    measures = ("transactions", "revenue", "sales", "rentals", "sales_revenue", "rental_revenue")
    cities = sorted(tabulate(cube, ("city",), measures), key=lambda counts: (-counts["revenue"], counts["city"]))
    rows: list[Row] = []
    for rank, counts in enumerate(cities, start=1):
        months = revenue_by_month[counts["city"]]
        best = min(months, key=lambda month: (-months[month], month))
        rows.append(
            {
                "city": cube.cities[counts["city"]],
                "rank": rank,
                "transactions": counts["transactions"],
                "revenue": money(counts["revenue"]),
                "revenue_pct": pct(counts["revenue"], total),
                "average_ticket": mean_money(counts["revenue"], counts["transactions"]),
                "average_sale": mean_money(counts["sales_revenue"], counts["sales"]),
                "average_rental": mean_money(counts["rental_revenue"], counts["rentals"]),
                "best_month": month_name(best),
                "last_month_growth_pct": _growth_pct(months, last_month),
            }
        )
    return Table(_COLUMNS, rows)


def _growth_pct(revenue: dict[int, int], last_month: int) -> Decimal | None:
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
