"""The revenue of calendar months as a heat map, a row for each year, and below it the seasonal index."""

from collections.abc import Sequence

from autoconnect.core.charts.base import Chart, Spec, Tables, drawn, empty, month_labels, spec
from autoconnect.core.charts.lines import line_key, lines_axis, lines_that_fit
from autoconnect.core.charts.style import Style
from autoconnect.core.charts.texts import money_labels, number
from autoconnect.core.table import Row

_RAMPS = {"light": ["#d9eaf5", "#0072B2"], "dark": ["#1f3444", "#56B4E9"]}
_MOST_YEARS, _LINE = 20, 40


def _draw(tables: Tables, style: Style) -> Spec:
    table = tables["seasonality"]
    if not table.rows:
        return empty(style, "seasonality")
    years = sorted({str(row["month"])[:4] for row in table.rows})
    stay = years[-max(1, lines_that_fit(style, _LINE // 2, most=_MOST_YEARS) - 2) :]
    notes = []
    if len(stay) < len(years):
        notes = [style.word("left_years").format(shown=len(stay), all=len(years))]
    keys = {year: line_key(place, year) for place, year in enumerate(stay)}
    index = line_key(len(stay), style.word("index"), "#")
    values = [_month(row, keys[str(row["month"])[:4]]) for row in table.rows if str(row["month"])[:4] in keys]
    values += _indexes(style, table.rows, index)
    layers = _layers(style, [*keys.values(), index])
    return spec(style, "seasonality", 110 + _LINE * (len(stay) + 1), layers, notes, data={"values": values})


def _month(row: Row, key: str) -> Spec:
    month = str(row["month"])
    return {"row": key, "calendar_month": month[5:], "month": month, "revenue": drawn(row["revenue"])}


def _indexes(style: Style, rows: Sequence[Row], key: str) -> list[Spec]:
    """The index of each calendar month: it is the same in all years."""
    indexes = {str(row["month"])[5:]: row["seasonal_index"] for row in rows}
    return [
        {"row": key, "calendar_month": month, "seasonal_index": drawn(value), "text": number(style, value, 2)}
        for month, value in sorted(indexes.items())
    ]


def _layers(style: Style, lines: Sequence[str]) -> list[Spec]:
    names = month_labels(style)
    # The first letter, where there is no room for a name.
    has_room = style.width >= 520
    label = f"{names}[datum.value]" if has_room else f"upper(slice({names}[datum.value], 0, 1))"
    axis = {"title": None, "labelExpr": label, "labelAngle": 0, "orient": "top", "ticks": False, "domain": False}
    months = {"domain": [f"{month:02}" for month in range(1, 13)]}
    place = {
        "x": {"field": "calendar_month", "type": "ordinal", "scale": months, "axis": axis},
        "y": {"field": "row", "type": "ordinal", "scale": {"domain": list(lines)}, "axis": lines_axis(style)},
    }
    legend = {"labelExpr": money_labels(style), "orient": "bottom", "gradientLength": 160, "tickCount": 3}
    colour = {"field": "revenue", "type": "quantitative", "scale": {"range": _RAMPS[style.theme]}, "legend": legend}
    return [
        {
            "transform": [{"filter": "isValid(datum.revenue)"}],
            "mark": {"type": "rect", "stroke": style.colours.background, "strokeWidth": 2},
            "encoding": {**place, "color": colour},
        },
        {
            "transform": [{"filter": "isValid(datum.text)"}],
            "mark": {"type": "text", "fontWeight": "bold", "angle": 0 if has_room else 270},
            "encoding": {**place, "text": {"field": "text"}},
        },
    ]


CHART = Chart("seasonality", _draw)
