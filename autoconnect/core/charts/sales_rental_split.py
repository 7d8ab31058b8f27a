"""The shares of sales and rentals: two bars for each city, of transactions and of revenue."""

from autoconnect.core.charts.base import PALETTE, Chart, Look, Spec, empty, row_key, rows_axis, shown, spec
from autoconnect.core.table import Table

#: By measure, the columns with the shares of sales and of rentals.
_SHARES = {
    "transactions": ("sales_pct", "rentals_pct"),
    "revenue": ("sales_revenue_pct", "rental_revenue_pct"),
}


def _draw(table: Table, look: Look) -> Spec:
    if not table.rows:
        return empty(look, "sales-rental-split")
    kinds = [look.word("sales"), look.word("rentals")]
    values: list[Spec] = []
    domain: list[str] = []
    for row in table.rows:
        domain.append(row_key(len(domain), shown(row["city"]), "#"))
        for measure, columns in _SHARES.items():
            domain.append(row_key(len(domain), look.word(measure)))
            starts = (0, row[columns[0]])
            values += [
                {"row": domain[-1], "kind": kind, "share": row[column], "start": start}
                for kind, column, start in zip(kinds, columns, starts, strict=True)
            ]
    y = {"field": "row", "type": "ordinal", "scale": {"domain": domain}, "axis": rows_axis()}
    colour = {"field": "kind", "scale": {"domain": kinds, "range": [PALETTE[0], PALETTE[1]]}}
    end = {"calculate": "datum.start + datum.share", "as": "end"}
    bars = {
        "x": {"field": "start", "type": "quantitative", "scale": {"domain": [0, 100], "nice": False}, "axis": None},
        "x2": {"field": "end"},
    }
    layers: list[Spec] = [
        {"mark": {"type": "bar", "height": {"band": 0.8}}, "encoding": {"y": y, **bars, "color": colour}},
        _labels(y, look),
    ]
    height = 100 + 22 * len(domain)
    return spec(look, "sales-rental-split", height, layers, data={"values": values}, transform=[end])


def _labels(y: Spec, look: Look) -> Spec:
    """The shares in the middle of their bars, where there is room."""
    text = f"format(datum.share, '.1f') + '{look.word('percent')}'"
    middle = {"calculate": "(datum.start + datum.end) / 2", "as": "middle"}
    colour = {"condition": {"test": f"datum.kind == '{look.word('sales')}'", "value": "white"}, "value": "#1f2933"}
    return {
        "transform": [{"filter": "datum.share >= 10"}, middle, {"calculate": text, "as": "text"}],
        "mark": {"type": "text"},
        "encoding": {
            "y": y,
            "x": {"field": "middle", "type": "quantitative"},
            "text": {"field": "text"},
            "color": colour,
        },
    }


CHART = Chart("sales-rental-split", _draw)
