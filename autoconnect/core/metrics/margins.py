"""The margins of transactions whose cost is known; a cost is never invented."""

from autoconnect.core.columns import CITY, TYPE
from autoconnect.core.exact import mean_money, pct
from autoconnect.core.metrics.base import Metric, Request
from autoconnect.core.table import Column, Kind, Row, Table
from autoconnect.core.tabulate import label, tabulate

_COLUMNS = (
    CITY,
    TYPE,
    Column("transactions", Kind.COUNT, "count"),
    Column("mean_margin", Kind.MONEY, "EUR"),
    Column("margin_rate_pct", Kind.PERCENT, "%"),
)

_NOTE = "No row of the source carries a cost (column cout), so there is no margin to compute."


def _compute(request: Request) -> Table:
    cube = request.cube
    rows: list[Row] = []
    for counts in tabulate(cube, ("city", "type"), ("costed", "cost", "costed_revenue")):
        if counts["costed"] == 0:
            continue
        margin = counts["costed_revenue"] - counts["cost"]
        rows.append(
            {
                "city": cube.cities[counts["city"]],
                "type": label(cube, "type", counts["type"]),
                "transactions": counts["costed"],
                "mean_margin": mean_money(margin, counts["costed"]),
                "margin_rate_pct": pct(margin, counts["costed_revenue"]),
            }
        )
    return Table(_COLUMNS, rows, None if request.facts.has_cost else _NOTE)


METRIC = Metric(
    name="margins",
    definition=(
        "For rows with a cost: the mean of price - cost, and the sum of price - cost divided by the sum of prices."
    ),
    columns=_COLUMNS,
    compute=_compute,
)
