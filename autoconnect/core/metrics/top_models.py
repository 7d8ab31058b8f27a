"""The models that each city sells and rents most often."""

from itertools import groupby

from autoconnect.core.columns import CITY, MODEL
from autoconnect.core.exact import money
from autoconnect.core.metrics.base import Metric, Option, Request
from autoconnect.core.table import Column, Kind, Row, Table
from autoconnect.core.tabulate import tabulate

_COLUMNS = (
    CITY,
    Column("rank", Kind.RANK, "rank"),
    MODEL,
    Column("transactions", Kind.COUNT, "count"),
    Column("sales", Kind.COUNT, "count"),
    Column("rentals", Kind.COUNT, "count"),
    Column("revenue", Kind.MONEY, "EUR"),
)


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
    return Table(_COLUMNS, rows)


METRIC = Metric(
    name="top-models",
    definition=(
        "The n models with the most transactions per city, from complete counts; ties are broken by revenue, then by "
        "name."
    ),
    columns=_COLUMNS,
    compute=_compute,
    options={"n": Option("For top-models: models per city; default: 5.", default=5, lowest=1, highest=1_000)},
)
