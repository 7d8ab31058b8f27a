"""The top models: a group of bars for each city, in its colour."""

from autoconnect.core.charts.base import Chart, Spec, Tables, colours_of, drawn, empty, spec
from autoconnect.core.charts.lines import (
    column,
    groups_of,
    groups_that_fit,
    line_key,
    lines_axis,
    lines_that_fit,
    notes_of,
    stretch,
)
from autoconnect.core.charts.style import Style
from autoconnect.core.charts.texts import number, shown

_LINE = 20


def _draw(tables: Tables, style: Style) -> Spec:
    groups = groups_of(tables["top-models"], "transactions")
    if not groups:
        return empty(style, "top-models")
    stay, models = groups_that_fit(groups, lines_that_fit(style, _LINE - 4))
    colours = colours_of(style, [group.city for group in stay], [group.city for group in groups])
    values: list[Spec] = []
    domain: list[str] = []
    for group in stay:
        domain.append(line_key(len(domain), group.city, "#"))
        for row in group.rows:
            domain.append(line_key(len(domain), str(row["model"])))
            values.append(
                {
                    "row": domain[-1],
                    "city": shown(group.city),
                    "colour": colours[group.city],
                    "transactions": drawn(row["transactions"]),
                    "text": number(style, row["transactions"]),
                }
            )
    y = {"field": "row", "type": "ordinal", "scale": {"domain": domain}, "axis": lines_axis(style)}
    most = max(float(value["transactions"]) for value in values)
    scale = {"domain": [0, most * stretch(style, 60) or 1]}
    x = {"field": "transactions", "type": "quantitative", "scale": scale, "axis": None}
    colour = {"field": "colour", "type": "nominal", "scale": None}
    layers: list[Spec] = [
        {"mark": {"type": "bar", "height": {"band": 0.7}}, "encoding": {"y": y, "x": x, "color": colour}},
        column(y, "text"),
    ]
    notes = notes_of(style, groups, stay, models, "by_transactions")
    return spec(style, "top-models", 60 + _LINE * len(domain), layers, notes, data={"values": values})


CHART = Chart("top-models", _draw)
