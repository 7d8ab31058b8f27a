"""The margins of transactions whose cost is known; a cost is never invented."""

from autoconnect.core.columns import CITY, TYPE
from autoconnect.core.exact import mean_money, pct
from autoconnect.core.metrics.base import Metric, Request
from autoconnect.core.schema import TYPES
from autoconnect.core.table import Column, Kind, LazyRows, Row, Table
from autoconnect.core.tabulate import Counts, tabulate

_COLUMNS = (
    CITY,
    TYPE,
    Column("transactions", Kind.COUNT, "count"),
    Column("mean_margin", Kind.MONEY, "EUR"),
    Column("margin_rate_pct", Kind.PERCENT, "%"),
)

_NOTE = "No row of the source carries a cost (column cout), so there is no margin to compute."


def _compute(request: Request) -> Table:
    cities = request.cube.cities

    def row(counts: Counts) -> Row:
        margin = counts["costed_revenue"] - counts["cost"]
        return {
            "city": cities[counts["city"]],
            "type": TYPES[counts["type"]],
            "transactions": counts["costed"],
            "mean_margin": mean_money(margin, counts["costed"]),
            "margin_rate_pct": pct(margin, counts["costed_revenue"]),
        }

    groups = tabulate(request.cube, ("city", "type"), ("costed", "cost", "costed_revenue"))
    rows = LazyRows(groups.pick(groups.column("costed") > 0), row)
    return Table(_COLUMNS, rows, None if request.facts.has_cost else _NOTE)


METRIC = Metric(
    name="margins",
    definition=(
        "For rows with a cost: the mean of price - cost, and the sum of price - cost divided by the sum of prices."
    ),
    columns=_COLUMNS,
    compute=_compute,
)
