"""The key figures of the selection as tiles."""

from collections.abc import Sequence

from autoconnect.core.charts.base import PADDING, Chart, Spec, Tables, spec
from autoconnect.core.charts.style import Style
from autoconnect.core.charts.texts import day, money, number, percent
from autoconnect.core.table import Row

Tile = tuple[str, str, str]

_MONEY = ("revenue", "average_ticket")
#: The tiles besides that of the period, without and with a comparison.
_PLAIN = ("revenue", "transactions", "cities", "models", "rows_rejected")
_COMPARED = ("revenue", "transactions", "average_ticket", "sales", "rentals")
_TILE = 100


def _draw(tables: Tables, style: Style) -> Spec:
    row = tables["summary"].rows[0]
    is_compared = "revenue_change_pct" in row
    period = style.word("until").format(day=day(style, row["last_date"])) if row["last_date"] else ""
    tiles = [_tile(style, row, name) for name in (_COMPARED if is_compared else _PLAIN)]
    tiles.insert(2, (style.word("period"), day(style, row["first_date"]), period))
    notes = [] if row["transactions"] else [style.word("nothing")]
    if is_compared:
        notes.append(_comparison(style, row))
    return _tiles(style, tiles, notes)


def _comparison(style: Style, row: Row) -> str:
    """What the changes are measured against."""
    if row["first_date_before"] is None:
        return style.word("nothing_before")
    first, last = (day(style, row[name]) for name in ("first_date_before", "last_date_before"))
    return style.word("compared").format(first=first, last=last)


def _tile(style: Style, row: Row, name: str) -> Tile:
    value = money(style, row[name]) if name in _MONEY else number(style, row[name])
    detail = ""
    if f"{name}_change_pct" in row:
        detail = percent(style, row[f"{name}_change_pct"], signed=True)
    elif name == "rows_rejected":
        detail = style.word("of_rows").format(rows=number(style, row["rows_read"]))
    return style.word(name), value, detail


def _tiles(style: Style, tiles: Sequence[Tile], notes: Sequence[str]) -> Spec:
    columns = 3 if style.width >= 560 else 2
    lines = -(-len(tiles) // columns)
    room = (style.width - 2 * PADDING) / columns - 28
    size = max(10, min(26, int(room / (0.6 * max(len(value) for _, value, _ in tiles)))))
    values = [
        {"x": place % columns, "y": place // columns, "name": name, "value": value, "detail": detail}
        for place, (name, value, detail) in enumerate(tiles)
    ]
    box = {"type": "rect", "color": style.colours.tile, "cornerRadius": 6}
    edges = [{"calculate": f"datum.{axis} + 0.94", "as": f"{axis}2"} for axis in ("x", "y")]
    x, y = _scale("x", columns), _scale("y", lines, reverse=True)
    layers: list[Spec] = [
        {"transform": edges, "mark": box, "encoding": {"x": x, "x2": {"field": "x2"}, "y": y, "y2": {"field": "y2"}}},
        _text(style, "name", 0.2, 12, x, y),
        _text(style, "value", 0.5, size, x, y),
        _text(style, "detail", 0.78, 12, x, y),
    ]
    return spec(style, "summary", 60 + _TILE * lines, layers, notes, data={"values": values})


def _scale(field: str, end: int, reverse: bool = False) -> Spec:
    scale = {"domain": [0, end - 0.06], "nice": False, "zero": False, "reverse": reverse}
    return {"field": field, "type": "quantitative", "scale": scale, "axis": None}


def _text(style: Style, field: str, down: float, size: int, x: Spec, y: Spec) -> Spec:
    is_value = field == "value"
    look = {"fontSize": size, "fontWeight": "bold" if is_value else "normal"}
    colour = style.colours.text if is_value else style.colours.muted
    return {
        "transform": [{"calculate": f"datum.y + {down}", "as": f"{field}_y"}],
        "mark": {"type": "text", "align": "left", "baseline": "middle", "dx": 12, "color": colour, **look},
        "encoding": {"x": x, "y": {**y, "field": f"{field}_y"}, "text": {"field": field}},
    }


CHART = Chart("summary", _draw)
