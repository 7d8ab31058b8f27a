"""The ten metrics, one module each, and their catalogue."""

from collections.abc import Mapping

from autoconnect.core.cube import Cube
from autoconnect.core.metrics import (
    city_comparison,
    margins,
    monthly_revenue,
    rental_duration,
    sales_rental_split,
    seasonality,
    summary,
    top_models,
    trend,
    year_over_year,
)
from autoconnect.core.metrics.base import JobFacts, Metric, Option, Options, Request
from autoconnect.core.partial import Partial
from autoconnect.core.selection import Earlier, Selection
from autoconnect.core.table import Table

_MODULES = (
    summary,
    monthly_revenue,
    sales_rental_split,
    city_comparison,
    top_models,
    seasonality,
    rental_duration,
    margins,
    trend,
    year_over_year,
)
CATALOGUE: Mapping[str, Metric] = {module.METRIC.name: module.METRIC for module in _MODULES}
#: The options of all metrics by name; a name means the same in each metric that has it.
OPTIONS: Mapping[str, Option] = {
    name: option for metric in CATALOGUE.values() for name, option in metric.options.items()
}


def facts_of(total: Partial) -> JobFacts:
    """Return the facts that metrics state about the whole job, from the sum of its partials."""
    return JobFacts(total.rows_read, total.rows_rejected, total.cube.total("costed") > 0)


def compute(
    metric: Metric, cube: Cube, facts: JobFacts, options: Options | None = None, earlier: Cube | None = None
) -> Table:
    """Compute the table of a metric over the cells of `cube`; missing options have their defaults.

    `earlier` has the cells that they are compared with; without it, `cube` has all cells of the result.
    """
    if earlier is None:
        earlier = Selection().earlier_cells(earlier_of(metric, options or {}), cube, cube)
    return metric.compute(Request(cube, facts, _complete(metric, options or {}), earlier))


def earlier_of(metric: Metric, options: Options) -> Earlier | None:
    """Which cells a metric with these options compares the selected ones with, None for none."""
    return metric.earlier(_complete(metric, options))


def _complete(metric: Metric, options: Options) -> Options:
    return {**{name: option.default for name, option in metric.options.items()}, **options}
