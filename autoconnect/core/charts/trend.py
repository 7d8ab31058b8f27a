"""The trend: the revenue of the last months as bars, the line through those it is fitted to, and the forecast.

All cities of the selection together. The line's two ends follow from the table's slope and forecast.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal

from autoconnect.core.charts.base import (
    PALETTE,
    Chart,
    Spec,
    Tables,
    drawn,
    empty,
    legend,
    money_axis,
    month_axis,
    months_between,
    spec,
)
from autoconnect.core.charts.style import Style
from autoconnect.core.charts.texts import money, month, number
from autoconnect.core.table import Row, Table

#: Months that a picture shows if the line is shorter, and months that it shows at most; the forecast comes on top.
_USUAL_MONTHS, _MOST_MONTHS = 24, 120


def _draw(tables: Tables, style: Style) -> Spec:
    revenue = _revenue(tables["monthly-revenue"])
    fit = next((row for row in reversed(tables["trend"].rows) if row["city"] is None), None)
    if not revenue or fit is None:
        return empty(style, "trend")
    present = sorted(revenue)
    has_line = fit["forecast_month"] is not None
    used = present[-int(fit["months_used"] or 1) :]
    past = months_between(present[0], present[-1])
    first = min(used[0], past[-min(_USUAL_MONTHS, len(past))])
    months = [name for name in past if name >= first][-min(_MOST_MONTHS, style.width // 6) :]
    values = [{"kind": style.word("revenue"), "month": name, "revenue": drawn(revenue[name])} for name in present]
    values = [value for value in values if str(value["month"]) >= months[0]]
    notes = [_note(style, fit) if has_line else style.word("no_line")]
    if len(months) < len(past):
        notes.append(style.word("left_months").format(shown=len(months), all=number(style, len(past))))
    if has_line:
        months.append(str(fit["forecast_month"]))
        values += _line(style, fit, months, used)
    return spec(style, "trend", 380, _layers(style, months, has_line), notes, data={"values": values})


def _revenue(table: Table) -> Mapping[str, Decimal]:
    """The revenue of each month, all cities together."""
    revenue: dict[str, Decimal] = defaultdict(Decimal)
    for row in table.rows:
        revenue[str(row["month"])] += Decimal(row["revenue"] or 0)
    return revenue


def _note(style: Style, fit: Row) -> str:
    return style.word("line").format(
        slope=money(style, fit["slope_per_month"], signed=True),
        r2=number(style, fit["r2"], 4),
        months=fit["months_used"],
        month=month(style, fit["forecast_month"]),
        forecast=money(style, fit["forecast_revenue"]),
    )


def _line(style: Style, fit: Row, months: Sequence[str], used: Sequence[str]) -> list[Spec]:
    """The ends of the fitted line, and those of its way on to the forecast."""
    slope, forecast = Decimal(fit["slope_per_month"] or 0), Decimal(fit["forecast_revenue"] or 0)
    start = max(used[0], months[0])

    def end(kind: str, name: str) -> Spec:
        before = len(months) - 1 - months.index(name)
        return {"kind": style.word(kind), "month": name, "revenue": drawn(forecast - slope * before)}

    point = {**end("forecast", months[-1]), "forecast": True}
    return [end("fitted", start), end("fitted", used[-1]), end("forecast", used[-1]), point]


def _layers(style: Style, months: Sequence[str], has_line: bool) -> list[Spec]:
    kinds = ["revenue", "fitted", "forecast"] if has_line else ["revenue"]
    names = [style.word(kind) for kind in kinds]
    light = style.theme == "light"
    colours = [PALETTE[4] if light else PALETTE[0], PALETTE[5] if light else PALETTE[1], style.colours.text]
    scale = {"domain": names, "range": colours[: len(names)]}
    axis, labels = month_axis(style, months), legend(style, names, symbolType="square")
    place = {
        "x": {"field": "month", "type": "ordinal", "scale": {"domain": list(months)}, "axis": axis},
        "y": {"field": "revenue", "type": "quantitative", "axis": money_axis(style)},
        "color": {"field": "kind", "type": "nominal", "scale": scale, "legend": labels},
    }

    def layer(kind: str, **mark: object) -> Spec:
        of_kind = {"filter": {"field": "kind", "equal": style.word(kind)}}
        return {"transform": [of_kind], "mark": mark, "encoding": place}

    width: object = {"band": 0.75} if len(months) > 5 else 48
    bars = layer("revenue", type="bar", width=width)
    if not has_line:
        return [bars]
    point = {"type": "point", "shape": "diamond", "size": 110, "strokeWidth": 2, "fill": style.colours.background}
    return [
        bars,
        layer("fitted", type="line", strokeWidth=3),
        layer("forecast", type="line", strokeWidth=2, strokeDash=[5, 4]),
        {"transform": [{"filter": "datum.forecast"}], "mark": point, "encoding": place},
    ]


CHART = Chart("trend", _draw, more_tables=("monthly-revenue",))
