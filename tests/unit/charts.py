"""Charts of made-up rows, as tests of charts need them."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from autoconnect.core.charts import CHARTS, Style
from autoconnect.core.cube import Cube
from autoconnect.core.metrics import CATALOGUE, compute
from autoconnect.core.metrics.base import JobFacts
from autoconnect.core.table import Table
from tests.oracle import Row

#: Characters of the longest amount: CHF 19,999,999,999.98 without decimals.
LONGEST = 18


def rows_of(cities: int, models: int, count: int = 400, years: int = 2) -> list[Row]:
    """Sales and rentals with costs and durations, in turn over cities and models."""
    first, kinds = date(2001, 1, 1), ("vente", "location")
    return [
        Row(
            id=str(n),
            day=first + timedelta(n * 7 % (365 * years)),
            city=f"City {n % cities}",
            type=kinds[n // 2 % 2],
            model=f"Model {n // 3 % models}",
            price=10_000 + n,
            months=n % 36 + 1 if n // 2 % 2 else None,
            cost=9_000,
        )
        for n in range(count)
    ]


def table_of(name: str, cube: Cube, has_cost: bool = True, **options: object) -> Table:
    """The table of a metric; of the options, those that it has."""
    metric = CATALOGUE[name]
    own = {key: value for key, value in options.items() if key in metric.options}
    return compute(metric, cube, JobFacts(1_000, 7, has_cost=has_cost), own)


def tables_of(name: str, cube: Cube, has_cost: bool = True, **options: object) -> Mapping[str, Table]:
    """The tables that a chart needs."""
    return {table: table_of(table, cube, has_cost, **options) for table in CHARTS[name].tables}


def spec_of(name: str, cube: Cube, style: Style, has_cost: bool = True, **options: object) -> dict[str, Any]:
    """The specification of a chart."""
    return CHARTS[name].spec(tables_of(name, cube, has_cost, **options), style)


def values_of(name: str, cube: Cube, style: Style) -> list[dict[str, Any]]:
    """The data of a chart."""
    values: list[dict[str, Any]] = spec_of(name, cube, style)["data"]["values"]
    return values


def notes_of(spec: dict[str, Any]) -> list[str]:
    """The notes below the title, joined into one text as the page joins them, if there are any."""
    lines = spec["title"].get("subtitle")
    return ["".join(lines)] if lines else []
