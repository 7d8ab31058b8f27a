"""The charts of metrics, one module each, and their registry."""

from collections.abc import Mapping

from autoconnect.core.charts import city_comparison, monthly_revenue, sales_rental_split, seasonality, top_models
from autoconnect.core.charts.base import Chart

_MODULES = (monthly_revenue, sales_rental_split, city_comparison, top_models, seasonality)
#: The charts by the name of their metric.
CHARTS: Mapping[str, Chart] = {module.CHART.name: module.CHART for module in _MODULES}
