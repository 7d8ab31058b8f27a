"""The cities as bars, the highest revenue first, with their revenue and share in columns."""

from decimal import Decimal

from autoconnect.core.charts.base import Chart, Spec, Tables, colours_of, drawn, empty, spec
from autoconnect.core.charts.lines import column, line_key, lines_axis, lines_that_fit, stretch, text_width
from autoconnect.core.charts.style import Style
from autoconnect.core.charts.texts import money, number, percent, shown

_MOST_CITIES, _LINE = 20, 30


def _draw(tables: Tables, style: Style) -> Spec:
    rows = tables["city-comparison"].rows
    if not rows:
        return empty(style, "city-comparison")
    stay = rows[: lines_that_fit(style, _LINE - 8, notes=1, most=_MOST_CITIES)]
    colours = colours_of(style, [str(row["city"]) for row in stay], [str(row["city"]) for row in rows])
    values = [
        {
            "row": line_key(place, str(row["city"])),
            "city": shown(row["city"]),
            "colour": colours[str(row["city"])],
            "revenue": drawn(row["revenue"]),
            "revenue_pct": drawn(row["revenue_pct"]),
            "money": money(style, row["revenue"]),
            "share": percent(style, row["revenue_pct"]),
        }
        for place, row in enumerate(stay)
    ]
    notes = []
    if len(stay) < len(rows):
        whole = sum(Decimal(row["revenue"] or 0) for row in rows)
        part = sum(Decimal(row["revenue"] or 0) for row in stay)
        share = percent(style, 100 * part / whole if whole else None)
        text = style.word("left_revenue_cities")
        notes = [text.format(shown=number(style, len(stay)), all=number(style, len(rows)), share=share)]
    y = {"field": "row", "type": "ordinal", "axis": lines_axis(style)}
    # Bars end where the columns of numbers begin.
    pixels = text_width(str(value["money"]) for value in values) + 16
    share_pixels = 62 if style.width >= 480 else 0
    scale = {"domain": [0, float(rows[0]["revenue"] or 0) * stretch(style, pixels + share_pixels) or 1]}
    length = {"field": "revenue", "type": "quantitative", "scale": scale, "axis": None}
    colour = {"field": "colour", "type": "nominal", "scale": None}
    layers: list[Spec] = [
        {"mark": {"type": "bar", "height": {"band": 0.6}}, "encoding": {"y": y, "x": length, "color": colour}},
        column(y, "money", share_pixels),
        *([column(y, "share")] if share_pixels else []),
    ]
    return spec(style, "city-comparison", 60 + _LINE * len(values), layers, notes, data={"values": values})


CHART = Chart("city-comparison", _draw)
