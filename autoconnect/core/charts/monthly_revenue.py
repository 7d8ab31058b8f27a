"""Monthly revenue: bars of calendar months, stacked by city."""

from autoconnect.core.charts.base import Chart, Look, Spec, colour_of, empty, month_axis, months_between, shown, spec
from autoconnect.core.table import Table


def _draw(table: Table, look: Look) -> Spec:
    if not table.rows:
        return empty(look, "monthly-revenue")
    values = [{"city": shown(row["city"]), "month": row["month"], "revenue": row["revenue"]} for row in table.rows]
    present = [str(row["month"]) for row in values]
    months = months_between(min(present), max(present))
    encoding = {
        "x": {"field": "month", "type": "ordinal", "scale": {"domain": months}, "axis": month_axis(look, months)},
        "y": {
            "field": "revenue",
            "type": "quantitative",
            "title": look.word("revenue"),
            "axis": {"labelExpr": look.word("short_money"), "domain": False, "ticks": False, "tickCount": 5},
        },
        "color": {"field": "city", "type": "nominal", "scale": colour_of(sorted({str(row["city"]) for row in values}))},
    }
    width = {"band": 0.8} if len(months) > 5 else 48
    layers: list[Spec] = [{"mark": {"type": "bar", "width": width}, "encoding": encoding}]
    return spec(look, "monthly-revenue", 380, layers, data={"values": values})


CHART = Chart("monthly-revenue", _draw)
