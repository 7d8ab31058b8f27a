"""The revenue of calendar months as a heat map, a row for each year, and below it the seasonal index."""

from autoconnect.core.charts.base import Chart, Look, Spec, empty, row_key, rows_axis, spec
from autoconnect.core.table import Table

_COLOURS = {"light": ["#eaf3fa", "#0072B2"], "dark": ["#1f3444", "#56B4E9"]}


def _draw(table: Table, look: Look) -> Spec:
    if not table.rows:
        return empty(look, "seasonality")
    years = sorted({str(row["month"])[:4] for row in table.rows})
    keys = {year: row_key(number, year) for number, year in enumerate(years)}
    index = row_key(len(years), look.word("index"), "#")
    values = [
        {
            "row": keys[str(row["month"])[:4]],
            "calendar_month": str(row["month"])[5:],
            "month": row["month"],
            "revenue": row["revenue"],
            "seasonal_index": row["seasonal_index"],
        }
        for row in table.rows
    ]
    axis = {
        "title": None,
        "labelExpr": f"{look.month_names}[datum.value]",
        "labelAngle": 0,
        "orient": "top",
        "ticks": False,
    }
    months = {"domain": [f"{month:02}" for month in range(1, 13)]}
    x = {"field": "calendar_month", "type": "ordinal", "scale": months, "axis": {**axis, "domain": False}}
    rows = {"type": "ordinal", "scale": {"domain": [*keys.values(), index]}, "axis": rows_axis()}
    colour = {
        "field": "revenue",
        "type": "quantitative",
        "scale": {"range": _COLOURS[look.theme]},
        "legend": {"labelExpr": look.word("short_money"), "orient": "right", "gradientLength": 120},
    }
    mean = {"aggregate": [{"op": "max", "field": "seasonal_index", "as": "index"}], "groupby": ["calendar_month"]}
    place = {"calculate": f"'{index}'", "as": "row"}
    layers: list[Spec] = [
        {"mark": {"type": "rect"}, "encoding": {"x": x, "y": {"field": "row", **rows}, "color": colour}},
        {
            "transform": [mean, place],
            "mark": {"type": "text", "fontWeight": "bold"},
            "encoding": {
                "x": x,
                "y": {"field": "row", **rows},
                "text": {"field": "index", "type": "quantitative", "format": ".2f"},
            },
        },
    ]
    return spec(look, "seasonality", 110 + 40 * (len(years) + 1), layers, data={"values": values})


CHART = Chart("seasonality", _draw)
