"""The margin rate of sales and rentals of each city as bars, with the mean margin in a column."""

from collections.abc import Sequence
from itertools import groupby

from autoconnect.core.charts.base import Chart, Spec, Tables, drawn, empty, legend, spec
from autoconnect.core.charts.lines import (
    column,
    first_of,
    left_cities,
    line_key,
    lines_axis,
    lines_that_fit,
    stretch,
    text_width,
)
from autoconnect.core.charts.sales_rental_split import COLOURS
from autoconnect.core.charts.style import Style
from autoconnect.core.charts.texts import money, percent, shown
from autoconnect.core.table import Row, Table

_WORDS = {"vente": "sales", "location": "rentals"}
_MOST_CITIES, _LINE = 16, 22


def _draw(tables: Tables, style: Style) -> Spec:
    table = tables["margins"]
    if not table.rows:
        return empty(style, "margins", _reason(table, style))
    cities = [list(rows) for _, rows in groupby(table.rows, key=lambda row: row["city"])]
    lines = lines_that_fit(style, _LINE - 6, most=3 * _MOST_CITIES)
    stay = first_of(cities, max(1, lines // 3), _transactions)
    domain, values = _values(style, stay)
    notes = [style.word("margin_columns"), *left_cities(style, len(stay), len(cities), "by_transactions")]
    height = 110 + _LINE * len(domain)
    return spec(style, "margins", height, _layers(style, domain, values), notes, data={"values": values})


def _reason(table: Table, style: Style) -> str:
    """Why there are no rows: the table's note in the language of the chart, or no transactions with a cost."""
    if table.note is None:
        return style.word("no_costs")
    return style.word("no_cost")


def _transactions(rows: Sequence[Row]) -> float:
    return sum(float(row["transactions"] or 0) for row in rows)


def _values(style: Style, cities: Sequence[Sequence[Row]]) -> tuple[list[str], list[Spec]]:
    domain: list[str] = []
    values: list[Spec] = []
    for rows in cities:
        domain.append(line_key(len(domain), str(rows[0]["city"]), "#"))
        for row in rows:
            kind = style.word(_WORDS[str(row["type"])])
            domain.append(line_key(len(domain), kind))
            values.append(
                {
                    "row": domain[-1],
                    "city": shown(row["city"]),
                    "kind": kind,
                    "margin_rate_pct": drawn(row["margin_rate_pct"]),
                    "rate": percent(style, row["margin_rate_pct"]),
                    "mean": money(style, row["mean_margin"], 2),
                }
            )
    return domain, values


def _layers(style: Style, domain: Sequence[str], values: Sequence[Spec]) -> list[Spec]:
    y = {"field": "row", "type": "ordinal", "scale": {"domain": list(domain)}, "axis": lines_axis(style)}
    rates = [0.0, *(value["margin_rate_pct"] or 0.0 for value in values)]
    pixels = text_width(value["mean"] for value in values) + 14
    rate_pixels = text_width(value["rate"] for value in values) + 14
    end = min(rates) + (max(rates) - min(rates)) * stretch(style, pixels + rate_pixels)
    scale = {"domain": [min(rates), end if end > min(rates) else 1], "nice": False}
    kinds = [style.word("sales"), style.word("rentals")]
    colours = {"domain": kinds, "range": list(COLOURS)}
    bars = {
        "y": y,
        "x": {"field": "margin_rate_pct", "type": "quantitative", "scale": scale, "axis": None},
        "color": {"field": "kind", "type": "nominal", "scale": colours, "legend": legend(style, kinds)},
    }
    return [
        {"mark": {"type": "bar", "height": {"band": 0.7}}, "encoding": bars},
        column(y, "rate", pixels),
        column(y, "mean"),
    ]


CHART = Chart("margins", _draw)
