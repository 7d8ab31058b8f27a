"""The models that each city sells and rents most often."""

import numpy as np

from autoconnect.core.columns import CITY, MODEL
from autoconnect.core.exact import money
from autoconnect.core.metrics.base import Metric, Number, Request
from autoconnect.core.table import Column, Kind, LazyRows, Row, Table
from autoconnect.core.tabulate import Counts, tabulate

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
    cities, models = request.cube.cities, request.cube.models

    def row(counts: Counts) -> Row:
        return {
            "city": cities[counts["city"]],
            "rank": counts["rank"],
            "model": models[counts["model"]],
            "transactions": counts["transactions"],
            "sales": counts["sales"],
            "rentals": counts["rentals"],
            "revenue": money(counts["revenue"]),
        }

    groups = tabulate(request.cube, ("city", "model"), ("transactions", "sales", "rentals", "revenue"))
    city, model = groups.column("city"), groups.column("model")
    order = np.lexsort((model, -groups.column("revenue"), -groups.column("transactions"), city))
    rank = 1 + np.arange(len(groups)) - np.searchsorted(city, city)  # sorted by city, before and after
    is_best = rank <= request.options["n"]
    return Table(_COLUMNS, LazyRows(groups.pick(order[is_best]).having("rank", rank[is_best]), row))


METRIC = Metric(
    name="top-models",
    definition=(
        "The n models with the most transactions per city, from complete counts; ties are broken by revenue, then by "
        "name."
    ),
    columns=_COLUMNS,
    compute=_compute,
    options={"n": Number("For top-models: models per city; default: 5.", default=5, lowest=1, highest=1_000)},
)
