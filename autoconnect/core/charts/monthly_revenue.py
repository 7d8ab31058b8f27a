"""Monthly revenue: bars of calendar months, stacked by city; past eight cities, the others are one part of the bar."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from heapq import nlargest

from autoconnect.core.charts.base import (
    Chart,
    Spec,
    Tables,
    colours_of,
    drawn,
    empty,
    legend,
    money_axis,
    month_axis,
    months_between,
    spec,
)
from autoconnect.core.charts.lines import line_key
from autoconnect.core.charts.style import Style
from autoconnect.core.charts.texts import number, shown
from autoconnect.core.table import Table

#: Parts of a bar that are told apart by eye, and months of a picture.
_MOST_CITIES, _MOST_MONTHS = 8, 120

#: The revenue of a month (`YYYY-MM`) and a city; None are the other cities.
Sums = Mapping[tuple[str, str | None], Decimal]


def _draw(tables: Tables, style: Style) -> Spec:
    table = tables["monthly-revenue"]
    if not table.rows:
        return empty(style, "monthly-revenue")
    revenue: dict[str, Decimal] = defaultdict(Decimal)
    for row in table.rows:
        revenue[str(row["city"])] += Decimal(row["revenue"] or 0)
    present = [str(row["month"]) for row in table.rows]
    months = months_between(min(present), max(present))
    shown_months = months[-min(_MOST_MONTHS, style.width // 6) :]
    stay = sorted(nlargest(_MOST_CITIES, sorted(revenue), key=revenue.__getitem__))
    notes = []
    if len(shown_months) < len(months):
        text = style.word("left_months")
        notes = [text.format(shown=number(style, len(shown_months)), all=number(style, len(months)))]
    sums = _sums(table, set(stay), shown_months[0])
    return _bars(style, sums, shown_months, _colours(style, stay, list(revenue)), notes)


def _sums(table: Table, stay: set[str], first_month: str) -> Sums:
    sums: dict[tuple[str, str | None], Decimal] = defaultdict(Decimal)
    for row in table.rows:
        city, month = str(row["city"]), str(row["month"])
        if month >= first_month:
            sums[month, city if city in stay else None] += Decimal(row["revenue"] or 0)
    return sums


def _colours(style: Style, stay: Sequence[str], cities: Sequence[str]) -> dict[str | None, tuple[str, str]]:
    """By city, the key of its part and the colour; None are the other cities."""
    colours = colours_of(style, stay, cities)
    parts: dict[str | None, tuple[str, str]] = {
        city: (line_key(place, city), colours[city]) for place, city in enumerate(stay)
    }
    if len(cities) > len(stay):
        others = style.word("other_cities").format(count=number(style, len(cities) - len(stay)))
        parts[None] = line_key(len(stay), others), style.colours.muted
    return parts


def _bars(
    style: Style, sums: Sums, months: Sequence[str], parts: Mapping[str | None, tuple[str, str]], notes: Sequence[str]
) -> Spec:
    values = [
        {"part": parts[city][0], "city": city and shown(city), "month": month, "revenue": drawn(revenue)}
        for (month, city), revenue in sums.items()
    ]
    scale = {"domain": [key for key, _ in parts.values()], "range": [colour for _, colour in parts.values()]}
    labels = legend(style, [key[5:] for key in scale["domain"]], labelExpr="slice(datum.label, 5)")
    encoding = {
        "x": {"field": "month", "type": "ordinal", "scale": {"domain": months}, "axis": month_axis(style, months)},
        "y": {"field": "revenue", "type": "quantitative", "axis": money_axis(style)},
        "color": {"field": "part", "type": "nominal", "scale": scale, "legend": labels},
        "order": {"field": "part"},
    }
    width = {"band": 0.8} if len(months) > 5 else 48
    layers: list[Spec] = [{"mark": {"type": "bar", "width": width}, "encoding": encoding}]
    return spec(style, "monthly-revenue", 380, layers, notes, data={"values": values})


CHART = Chart("monthly-revenue", _draw)
