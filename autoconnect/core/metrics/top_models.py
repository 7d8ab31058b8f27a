"""The models that each city sells and rents most often."""

from itertools import groupby

from autoconnect.core.exact import money
from autoconnect.core.metrics.base import Metric, Option, Request, Row, Table
from autoconnect.core.tabulate import tabulate


def _compute(request: Request) -> Table:
    cube = request.cube
    model_counts = tabulate(cube, ("city", "model"), ("transactions", "sales", "rentals", "revenue"))
    rows: list[Row] = []
    for city, models in groupby(model_counts, key=lambda counts: counts["city"]):
        ranked = sorted(models, key=lambda counts: (-counts["transactions"], -counts["revenue"], counts["model"]))
        rows += [
            {
                "city": cube.cities[city],
                "rank": rank,
                "model": cube.models[counts["model"]],
                "transactions": counts["transactions"],
                "sales": counts["sales"],
                "rentals": counts["rentals"],
                "revenue": money(counts["revenue"]),
            }
            for rank, counts in enumerate(ranked[: request.options["n"]], start=1)
        ]
    return Table(rows)


METRIC = Metric(
    name="top-models",
    definition=(
        "The n models with the most transactions per city, from complete counts; ties are broken by revenue, then by "
        "name."
    ),
    columns={
        "city": "name",
        "rank": "rank",
        "model": "name",
        "transactions": "count",
        "sales": "count",
        "rentals": "count",
        "revenue": "EUR",
    },
    compute=_compute,
    options={"n": Option(default=5, lowest=1, highest=1_000)},
)
