"""The revenue of each month next to that of a year before, and the change in per cent.

A month adds up the cities that have revenue in both years: a city that opened or closed in between would otherwise pass
for growth or loss of the others.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal

from autoconnect.core.charts.base import (
    PADDING,
    PALETTE,
    Chart,
    Spec,
    Tables,
    drawn,
    empty,
    legend,
    money_axis,
    month_labels,
    spec,
)
from autoconnect.core.charts.lines import text_width
from autoconnect.core.charts.style import Style
from autoconnect.core.charts.texts import number, percent
from autoconnect.core.exact import change_pct
from autoconnect.core.table import Table

#: Months of a picture, and pixels that a month needs for its name.
_MOST_MONTHS, _NARROWEST = 24, 36
#: Pixels by which a text may be wider than its month: signs are narrower than digits.
_OVER = 6
#: The revenue of a month in cents, and that of a year before.
Pair = tuple[int, int]


def _draw(tables: Tables, style: Style) -> Spec:
    table = tables["year-over-year"]
    if not table.rows:
        return empty(style, "year-over-year")
    pairs = _pairs(table)
    if not pairs:
        return empty(style, "year-over-year", style.word("no_year_before"))
    months = sorted(pairs)[-min(_MOST_MONTHS, _plot_width(style) // _NARROWEST) :]
    notes = [style.word("both_years")]
    if len(months) < len(pairs):
        notes.append(style.word("left_months").format(shown=len(months), all=number(style, len(pairs))))
    values = _values(style, {month: pairs[month] for month in months})
    return spec(style, "year-over-year", 380, _layers(style, months), notes, data={"values": values})


def _plot_width(style: Style) -> int:
    """The pixels at the right of the amounts."""
    return style.width - 2 * PADDING - 60


def _pairs(table: Table) -> Mapping[str, Pair]:
    pairs: dict[str, Pair] = defaultdict(lambda: (0, 0))
    for row in table.rows:
        if row["revenue_last_year"] is not None:
            now, before = pairs[str(row["month"])]
            pairs[str(row["month"])] = now + _cents(row["revenue"]), before + _cents(row["revenue_last_year"])
    return dict(pairs)


def _cents(amount: object) -> int:
    return int(Decimal(str(amount)).scaleb(2))


def _values(style: Style, pairs: Mapping[str, Pair]) -> list[Spec]:
    room = _plot_width(style) // len(pairs)
    changes = {month: change_pct(now, before) for month, (now, before) in pairs.items()}
    exact = [percent(style, change, 1, signed=True) for change in changes.values()]
    digits = 1 if text_width(exact) <= room else 0
    values: list[Spec] = []
    for month, (now, before) in pairs.items():
        change = changes[month]
        text = percent(style, change, digits, signed=True)
        if text_width([text]) > room + _OVER:
            text = ""
        values += [
            {"month": month, "kind": style.word("last_year"), "revenue": before / 100},
            {"month": month, "kind": style.word("this_year"), "revenue": now / 100},
            {"month": month, "top": max(now, before) / 100, "change_pct": drawn(change), "text": text},
        ]
    return values


def _layers(style: Style, months: Sequence[str]) -> list[Spec]:
    label = f"[{month_labels(style)}[slice(datum.value, 5)], slice(datum.value, 0, 4)]"
    axis = {"title": None, "labelExpr": label, "labelAngle": 0, "ticks": False}
    scale = {"domain": list(months), "paddingInner": 0.3, "paddingOuter": 0.15}
    x = {"field": "month", "type": "ordinal", "scale": scale, "axis": axis}
    y = {"field": "revenue", "type": "quantitative", "axis": money_axis(style)}
    kinds = [style.word("last_year"), style.word("this_year")]
    colours = {"domain": kinds, "range": [style.colours.muted, PALETTE[0] if style.theme == "light" else PALETTE[4]]}
    kind = {"field": "kind", "type": "nominal", "scale": colours, "legend": legend(style, kinds)}
    offset = {"field": "kind", "type": "nominal", "scale": {"domain": kinds}}
    bars = {"x": x, "xOffset": offset, "y": y, "color": kind}
    top = {"x": x, "y": {**y, "field": "top"}, "text": {"field": "text"}}
    return [
        {"transform": [{"filter": "isValid(datum.kind)"}], "mark": {"type": "bar"}, "encoding": bars},
        {
            "transform": [{"filter": "isValid(datum.text)"}],
            "mark": {"type": "text", "baseline": "bottom", "dy": -4},
            "encoding": top,
        },
    ]


CHART = Chart("year-over-year", _draw)
