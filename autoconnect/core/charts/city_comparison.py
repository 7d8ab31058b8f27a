"""The cities as bars, the highest revenue first, with their revenue and share in columns."""

from autoconnect.core.charts.base import Chart, Look, Spec, colour_of, empty, row_key, rows_axis, shown, spec
from autoconnect.core.table import Table


def _draw(table: Table, look: Look) -> Spec:
    if not table.rows:
        return empty(look, "city-comparison")
    values = [
        {
            "row": row_key(number, shown(row["city"])),
            "city": shown(row["city"]),
            "revenue": row["revenue"],
            "revenue_pct": row["revenue_pct"],
        }
        for number, row in enumerate(table.rows)
    ]
    rows = {"field": "row", "type": "ordinal", "axis": rows_axis()}
    # Bars end where the columns of numbers begin.
    scale = {"domain": [0, float(table.rows[0]["revenue"] or 0) * 1.7 or 1]}
    colour = {"field": "city", "legend": None, "scale": colour_of(sorted({str(row["city"]) for row in values}))}
    length = {"field": "revenue", "type": "quantitative", "scale": scale, "axis": None}
    share = f"format(datum.revenue_pct, '.1f') + '{look.word('percent')}'"
    layers: list[Spec] = [
        {"mark": {"type": "bar", "height": {"band": 0.6}}, "encoding": {"y": rows, "x": length, "color": colour}},
        _column("format(datum.revenue, '$,.0f')", -70, rows),
        _column(share, 0, rows),
    ]
    return spec(look, "city-comparison", 60 + 30 * len(values), layers, data={"values": values})


def _column(text: str, offset: int, rows: Spec) -> Spec:
    return {
        "transform": [{"calculate": text, "as": "text"}],
        "mark": {"type": "text", "align": "right", "xOffset": offset},
        "encoding": {"y": rows, "x": {"value": "width"}, "text": {"field": "text"}},
    }


CHART = Chart("city-comparison", _draw)
