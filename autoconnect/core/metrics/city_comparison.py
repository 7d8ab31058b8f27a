"""The cities side by side, the one with the highest revenue first."""

from collections import defaultdict
from decimal import Decimal

from autoconnect.core.exact import mean_money, money, month_name, pct
from autoconnect.core.metrics.base import Metric, Request, Row, Table
from autoconnect.core.tabulate import tabulate


def _compute(request: Request) -> Table:
    cube = request.cube
    revenue_by_month: dict[int, dict[int, int]] = defaultdict(dict)
    for found in tabulate(cube, ("city", "month"), ("revenue",)):
        revenue_by_month[found["city"]][found["month"]] = found["revenue"]
    last_month = max((max(months) for months in revenue_by_month.values()), default=0)
    total = cube.total("revenue")
    measures = ("transactions", "revenue", "sales", "rentals", "sales_revenue", "rental_revenue")
    cities = sorted(tabulate(cube, ("city",), measures), key=lambda found: (-found["revenue"], found["city"]))
    rows: list[Row] = []
    for rank, found in enumerate(cities, start=1):
        months = revenue_by_month[found["city"]]
        best = min(months, key=lambda month: (-months[month], month))
        rows.append(
            {
                "city": cube.cities[found["city"]],
                "rank": rank,
                "transactions": found["transactions"],
                "revenue": money(found["revenue"]),
                "revenue_pct": pct(found["revenue"], total),
                "average_ticket": mean_money(found["revenue"], found["transactions"]),
                "average_sale": mean_money(found["sales_revenue"], found["sales"]),
                "average_rental": mean_money(found["rental_revenue"], found["rentals"]),
                "best_month": month_name(best),
                "last_month_growth_pct": _growth_pct(months, last_month),
            }
        )
    return Table(rows)


def _growth_pct(revenue: dict[int, int], last_month: int) -> Decimal | None:
    if last_month not in revenue or last_month - 1 not in revenue:
        return None
    before = revenue[last_month - 1]
    return pct(revenue[last_month] - before, before)


METRIC = Metric(
    name="city-comparison",
    definition=(
        "Cities ranked by revenue (then by name). best_month has the highest revenue, the earliest on a tie; growth is "
        "the selection's last calendar month against the one before, null where the city lacks either."
    ),
    columns={
        "city": "name",
        "rank": "rank",
        "transactions": "count",
        "revenue": "EUR",
        "revenue_pct": "%",
        "average_ticket": "EUR",
        "average_sale": "EUR",
        "average_rental": "EUR",
        "best_month": "YYYY-MM",
        "last_month_growth_pct": "%",
    },
    compute=_compute,
)
