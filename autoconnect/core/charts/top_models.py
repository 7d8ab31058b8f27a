"""The top models: a group of bars for each city, in its colour."""

from itertools import groupby

from autoconnect.core.charts.base import Chart, Look, Spec, colour_of, empty, row_key, rows_axis, shown, spec
from autoconnect.core.table import Table


def _draw(table: Table, look: Look) -> Spec:
    if not table.rows:
        return empty(look, "top-models")
    values: list[Spec] = []
    domain: list[str] = []
    for city, rows in groupby(table.rows, key=lambda row: shown(row["city"])):
        domain.append(row_key(len(domain), city, "#"))
        for row in rows:
            domain.append(row_key(len(domain), shown(row["model"])))
            values.append({"row": domain[-1], "city": city, "transactions": row["transactions"]})
    y = {"field": "row", "type": "ordinal", "scale": {"domain": domain}, "axis": rows_axis()}
    most = max(int(row["transactions"]) for row in values)
    x = {"field": "transactions", "type": "quantitative", "scale": {"domain": [0, most * 1.12]}, "axis": None}
    colour = {"field": "city", "legend": None, "scale": colour_of(sorted({row["city"] for row in values}))}
    text = {"field": "transactions", "type": "quantitative", "format": ","}
    layers: list[Spec] = [
        {"mark": {"type": "bar", "height": {"band": 0.7}}, "encoding": {"y": y, "x": x, "color": colour}},
        {"mark": {"type": "text", "align": "left", "dx": 5}, "encoding": {"y": y, "x": x, "text": text}},
    ]
    return spec(look, "top-models", 60 + 20 * len(domain), layers, data={"values": values})


CHART = Chart("top-models", _draw)
