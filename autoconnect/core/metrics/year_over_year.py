"""The revenue of each city and month next to that of a year before."""

from autoconnect.core.columns import CITY, MONTH
from autoconnect.core.exact import change_pct, money, month_name
from autoconnect.core.metrics.base import Metric, Request
from autoconnect.core.periods import same_dates_before
from autoconnect.core.table import Column, Kind, LazyRows, Row, Table
from autoconnect.core.tabulate import Counts, tabulate

_COLUMNS = (
    CITY,
    MONTH,
    Column("transactions", Kind.COUNT, "count"),
    Column("revenue", Kind.MONEY, "EUR"),
    Column("revenue_last_year", Kind.MONEY, "EUR"),
    Column("change_pct", Kind.PERCENT, "%"),
)


def _compute(request: Request) -> Table:
    cities = request.cube.cities
    earlier = tabulate(request.earlier, ("city", "month"), ("revenue",))

    def row(counts: Counts) -> Row:
        before = earlier.of("city", counts["city"]).pairs("month", "revenue").get(counts["month"] - 12)
        return {
            "city": cities[counts["city"]],
            "month": month_name(counts["month"]),
            "transactions": counts["transactions"],
            "revenue": money(counts["revenue"]),
            "revenue_last_year": None if before is None else money(before),
            "change_pct": change_pct(counts["revenue"], before),
        }

    return Table(_COLUMNS, LazyRows(tabulate(request.cube, ("city", "month"), ("transactions", "revenue")), row))


METRIC = Metric(
    name="year-over-year",
    definition=(
        "Revenue per city and calendar month, that of the same city and month a year before, also if from and to leave "
        "that year out, and the change; null if the month a year before has nothing. If from or to is within a month, "
        "its days are compared with the same days a year before."
    ),
    columns=_COLUMNS,
    compute=_compute,
    earlier=lambda _: same_dates_before,
)
