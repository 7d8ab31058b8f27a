"""The margins of transactions whose cost is known; a cost is never invented."""

from autoconnect.core.exact import mean_money, pct
from autoconnect.core.metrics.base import Metric, Request, Row, Table
from autoconnect.core.tabulate import label, tabulate

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
    return Table(rows, None if request.facts.has_cost else _NOTE)


METRIC = Metric(
    name="margins",
    definition=(
        "For rows with a cost: the mean of price - cost, and the sum of price - cost divided by the sum of prices."
    ),
    columns={
        "city": "name",
        "type": "vente | location",
        "transactions": "count",
        "mean_margin": "EUR",
        "margin_rate_pct": "%",
    },
    compute=_compute,
)
