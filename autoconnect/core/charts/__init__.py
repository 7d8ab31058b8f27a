"""The charts of metrics, one module each, and their registry."""

from collections.abc import Mapping

from autoconnect.core.charts import (
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
from autoconnect.core.charts.base import Chart
from autoconnect.core.charts.style import HEIGHTS, LANGUAGES, THEMES, WIDTHS, Style

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
#: The charts by the name of their metric, in the order of the metrics.
CHARTS: Mapping[str, Chart] = {module.CHART.name: module.CHART for module in _MODULES}

__all__ = ["CHARTS", "HEIGHTS", "LANGUAGES", "THEMES", "WIDTHS", "Chart", "Style"]
