"""Revenue over the calendar, month by month."""

from collections import defaultdict
from fractions import Fraction

from autoconnect.core.columns import MONTH
from autoconnect.core.exact import money, month_name, pct, ratio
from autoconnect.core.metrics.base import Metric, Request
from autoconnect.core.table import Column, Kind, LazyRows, Row, Table
from autoconnect.core.tabulate import Counts, tabulate

_COLUMNS = (
    MONTH,
    Column("transactions", Kind.COUNT, "count"),
    Column("revenue", Kind.MONEY, "EUR"),
    Column("change_pct", Kind.PERCENT, "%"),
    Column("seasonal_index", Kind.RATIO, "ratio"),
)


def _compute(request: Request) -> Table:
    monthly_counts = tabulate(request.cube, ("month",), ("transactions", "revenue"))
    revenue = monthly_counts.pairs("month", "revenue")
    revenues_of_calendar_month: dict[int, list[int]] = defaultdict(list)
    for month, cents in revenue.items():
        revenues_of_calendar_month[month % 12].append(cents)
    mean = {month: Fraction(sum(values), len(values)) for month, values in revenues_of_calendar_month.items()}
    overall = Fraction(sum(revenue.values()), max(len(revenue), 1))

    def row(counts: Counts) -> Row:
        month = counts["month"]
        before = revenue.get(month - 1)
        return {
            "month": month_name(month),
            "transactions": counts["transactions"],
            "revenue": money(counts["revenue"]),
            "change_pct": None if before is None else pct(counts["revenue"] - before, before),
            "seasonal_index": ratio(mean[month % 12], overall),
        }

    return Table(_COLUMNS, LazyRows(monthly_counts, row))


METRIC = Metric(
    name="seasonality",
    definition=(
        "Revenue of the selection by month, its change from the previous calendar month, and the seasonal index: the "
        "mean revenue of that calendar month (January, ...) divided by the mean of all months."
    ),
    columns=_COLUMNS,
    compute=_compute,
)
