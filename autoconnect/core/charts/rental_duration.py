"""The duration of rentals: for each city its busiest models, with mean, standard deviation, shortest and longest."""

from collections.abc import Sequence

from autoconnect.core.charts.base import Chart, Spec, Tables, colours_of, empty, spec
from autoconnect.core.charts.lines import (
    Group,
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
from autoconnect.core.table import Row

_LINE = 20


def _draw(tables: Tables, style: Style) -> Spec:
    groups = groups_of(tables["rental-duration"], "rentals")
    if not groups:
        return empty(style, "rental-duration", style.word("no_durations"))
    stay, models = groups_that_fit(groups, lines_that_fit(style, _LINE - 4, notes=5))
    colours = colours_of(style, [group.city for group in stay], [group.city for group in groups])
    domain, values = _values(style, stay, colours)
    notes = [style.word("duration_marks"), *notes_of(style, groups, stay, models, "by_rentals")]
    height = 80 + _LINE * len(domain)
    return spec(style, "rental-duration", height, _layers(style, domain, values), notes, data={"values": values})


def _values(style: Style, groups: Sequence[Group], colours: dict[str, str]) -> tuple[list[str], list[Spec]]:
    domain: list[str] = []
    values: list[Spec] = []
    for group in groups:
        domain.append(line_key(len(domain), group.city, "#"))
        for row in group.rows:
            domain.append(line_key(len(domain), str(row["model"])))
            place = {"row": domain[-1], "city": shown(group.city), "colour": colours[group.city]}
            values.append(place | _value(style, row))
    return domain, values


def _value(style: Style, row: Row) -> Spec:
    mean, deviation, low, high = (
        float(row[name] or 0) for name in ("mean_months", "std_months", "min_months", "max_months")
    )
    return {
        "mean_months": mean,
        "min_months": low,
        "max_months": high,
        # A rounded mean or deviation must not lead out of the interval; a deviation alone can.
        "from_months": max(low, mean - deviation),
        "to_months": min(high, mean + deviation),
        "text": f"{number(style, row['mean_months'], 1)} \u00b1 {number(style, row['std_months'], 1)}",
    }


def _layers(style: Style, domain: Sequence[str], values: Sequence[Spec]) -> list[Spec]:
    y = {"field": "row", "type": "ordinal", "scale": {"domain": list(domain)}, "axis": lines_axis(style)}
    longest = max(value["max_months"] for value in values)
    scale = {"domain": [0, longest * stretch(style, 100)], "nice": False}
    step = next(step for step in (1, 2, 3, 6, 12, 24, 60, 120, 240) if longest <= 8 * step)
    axis = {"title": None, "values": list(range(0, int(longest) + 1, step)), "domain": False, "ticks": False}
    x = {"type": "quantitative", "scale": scale, "axis": axis}
    colour = {"field": "colour", "type": "nominal", "scale": None}
    thin = {"y": y, "x": {"field": "min_months", **x}, "x2": {"field": "max_months"}, "color": colour}
    thick = {"y": y, "x": {"field": "from_months", **x}, "x2": {"field": "to_months"}, "color": colour}
    point = {"type": "point", "filled": True, "size": 45, "color": style.colours.text, "opacity": 1}
    return [
        {"mark": {"type": "rule", "strokeWidth": 1.5}, "encoding": thin},
        {"mark": {"type": "bar", "height": {"band": 0.45}, "opacity": 0.75}, "encoding": thick},
        {"mark": point, "encoding": {"y": y, "x": {"field": "mean_months", **x}}},
        column(y, "text"),
    ]


CHART = Chart("rental-duration", _draw)
