"""The shares of sales and rentals: two bars for each city, of transactions and of revenue."""

from collections.abc import Sequence

from autoconnect.core.charts.base import PALETTE, Chart, Spec, Tables, drawn, empty, legend, spec
from autoconnect.core.charts.lines import (
    first_of,
    left_cities,
    line_key,
    lines_axis,
    lines_that_fit,
    plot_width,
    text_width,
)
from autoconnect.core.charts.style import Style
from autoconnect.core.charts.texts import percent
from autoconnect.core.table import Row

#: By measure, the columns with the shares of sales and of rentals.
_SHARES = {
    "transactions": ("sales_pct", "rentals_pct"),
    "revenue": ("sales_revenue_pct", "rental_revenue_pct"),
}
#: The colours of sales and of rentals, and those of texts on them.
COLOURS, ON_COLOURS = (PALETTE[0], PALETTE[1]), ("#ffffff", "#1f2933")
_MOST_CITIES, _LINE = 16, 22


def _draw(tables: Tables, style: Style) -> Spec:
    rows = tables["sales-rental-split"].rows
    if not rows:
        return empty(style, "sales-rental-split")
    lines = lines_that_fit(style, _LINE - 6, most=3 * _MOST_CITIES)
    stay = first_of(rows, max(1, lines // 3), _transactions)
    values: list[Spec] = []
    domain: list[str] = []
    for row in stay:
        domain.append(line_key(len(domain), str(row["city"]), "#"))
        for measure in _SHARES:
            domain.append(line_key(len(domain), style.word(measure)))
            values += _parts(style, row, measure, domain[-1])
    notes = left_cities(style, len(stay), len(rows), "by_transactions")
    height = 100 + _LINE * len(domain)
    return spec(style, "sales-rental-split", height, _layers(style, domain), notes, data={"values": values})


def _transactions(row: Row) -> float:
    return float(row["sales"] or 0) + float(row["rentals"] or 0)


def _parts(style: Style, row: Row, measure: str, key: str) -> list[Spec]:
    """The two parts of a bar; a text stands only where it has room."""
    values: list[Spec] = []
    start = 0.0
    for kind, column, colour in zip(("sales", "rentals"), _SHARES[measure], ON_COLOURS, strict=True):
        share = drawn(row[column])
        end = start + (share or 0)
        text = percent(style, row[column])
        has_room = (share or 0) / 100 * plot_width(style) >= text_width([text])
        value = {"row": key, "kind": style.word(kind), "share": share, "start": start, "end": end}
        values.append({**value, "middle": (start + end) / 2, "text": text if has_room else "", "on": colour})
        start = end
    return values


def _layers(style: Style, domain: Sequence[str]) -> list[Spec]:
    y = {"field": "row", "type": "ordinal", "scale": {"domain": list(domain)}, "axis": lines_axis(style)}
    kinds = [style.word("sales"), style.word("rentals")]
    scale = {"domain": kinds, "range": list(COLOURS)}
    colour = {"field": "kind", "type": "nominal", "scale": scale, "legend": legend(style, kinds, symbolType="square")}
    # The shares are rounded, so that both may add up to 100.01.
    share = {"type": "quantitative", "scale": {"domain": [0, 100], "nice": False, "clamp": True}, "axis": None}
    bars = {"y": y, "x": {"field": "start", **share}, "x2": {"field": "end"}, "color": colour}
    on = {"field": "on", "type": "nominal", "scale": None}
    texts = {"y": y, "x": {"field": "middle", **share}, "text": {"field": "text"}, "color": on}
    return [
        {"mark": {"type": "bar", "height": {"band": 0.8}}, "encoding": bars},
        {"mark": {"type": "text"}, "encoding": texts},
    ]


CHART = Chart("sales-rental-split", _draw)
