"""The nine metrics, one module each, and their catalogue."""

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
)
from autoconnect.core.metrics.base import JobFacts, Metric, Request, Table
from autoconnect.core.partial import Partial

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
)
CATALOGUE: Mapping[str, Metric] = {module.METRIC.name: module.METRIC for module in _MODULES}


def facts_of(whole: Partial) -> JobFacts:
    """What metrics say of the whole job, from the sum of its partials."""
    return JobFacts(whole.rows_read, whole.rows_rejected, whole.cube.total("costed") > 0)


def compute(metric: Metric, cube: Cube, facts: JobFacts, options: Mapping[str, int] | None = None) -> Table:
    """The table of a metric over the cells of `cube`, with defaults for the options that are not given."""
    defaults = {name: option.default for name, option in metric.options.items()}
    return metric.compute(Request(cube, facts, {**defaults, **(options or {})}))
