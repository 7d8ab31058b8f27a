"""The form of a chart: a Vega-Lite specification with its data, in one look for all metrics."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

from autoconnect.core.charts.style import Style, Theme
from autoconnect.core.charts.texts import money_labels, month_names
from autoconnect.core.charts.words import LOCALES
from autoconnect.core.table import Table, Value

Spec = dict[str, Any]
Tables = Mapping[str, Table]

_SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
#: Okabe and Ito's colours, which colour-blind people can tell apart, without black.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
#: By theme, these and six more of the same hues, which stand out from the background.
PALETTES: Mapping[Theme, tuple[str, ...]] = {
    "light": (*PALETTE, "#004B75", "#966800", "#006B4E", "#8A4A6E", "#2F7EA8", "#8F3F00"),
    "dark": (*PALETTE, "#7FB8DE", "#F5CC80", "#66C8AA", "#E6BDD4", "#A8DAF4", "#F0A678"),
}
#: That of the dashboard (styles/tokens.css): a chart looks like a part of its page.
FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif'
#: Pixels of the height of a text, and the mean width of its characters in a wide font.
TEXT, CHARACTER = 12, 7.5
#: Labels of a legend that may stand below each other.
_FEW_LABELS = 5
#: Pixels around the picture, of the title with what is below it, and of each line of notes.
PADDING, HEAD, NOTE = 12, 40, 16


@dataclass(frozen=True)
class Chart:
    """The chart of a metric: `tables` names the metrics whose tables it needs, its own first."""

    name: str
    draw: Callable[[Tables, Style], Spec]
    more_tables: tuple[str, ...] = ()

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of the metrics whose tables it needs, its own first."""
        return self.name, *self.more_tables

    def spec(self, tables: Tables, style: Style | None = None) -> Spec:
        """Return the Vega-Lite specification with its data; it loads nothing from outside.

        The number of marks is bounded, whatever the tables; a note says what is left out. Raises ValueError if one of
        the tables is missing.
        """
        missing = [name for name in self.tables if name not in tables]
        if missing:
            needed = " and ".join(self.tables)
            raise ValueError(f"the chart {self.name} needs the tables of {needed}; {missing[0]} is missing.")
        return self.draw(tables, style or Style())


def drawn(value: Value) -> float | None:
    """A number as a picture needs it."""
    return None if value is None else float(value)


def colours_of(style: Style, shown: Iterable[str], cities: Iterable[str]) -> dict[str, str]:
    """The colour of each shown city.

    Cities take the colours of the palette in the order of names over `style.cities` and `cities`, those of the table.
    So a city keeps its colour in all charts of the same cities, and with `style.cities` under every filter, as far as
    there are colours: past the 12th city, one that would repeat a colour of the picture takes the next free one.
    """
    places = {city: place for place, city in enumerate(sorted({*style.cities, *cities}))}
    palette = PALETTES[style.theme]
    size, colours = len(palette), dict[str, str]()
    for city in sorted(shown, key=places.__getitem__):
        place = places[city]
        while len(colours) < size and palette[place % size] in colours.values():
            place += 1
        colours[city] = palette[place % size]
    return colours


def spec(
    style: Style, name: str, height: int, layers: Sequence[Spec], notes: Sequence[str] = (), **parts: object
) -> Spec:
    """A specification of layers in a picture of the style's width, and by default of `height` pixels and its notes."""
    lines = note_lines(style, notes)
    title: Spec = {"text": _joinable(wrap(style.word(name), max(20, style.width // 10)))}
    if lines:
        title["subtitle"] = lines
    return {
        "$schema": _SCHEMA,
        "title": title,
        "width": style.width,
        "height": style.height or height + NOTE * len(lines),
        "autosize": {"type": "fit", "contains": "padding"},
        "config": _config(style),
        "layer": list(layers),
        **parts,
    }


def note_lines(style: Style, notes: Sequence[str]) -> list[str]:
    """The notes in lines that fit into the width."""
    return _joinable([line for note in notes for line in wrap(note, (style.width - 2 * PADDING) // 7)])


def _joinable(lines: Sequence[str]) -> list[str]:
    """All lines but the last end with a space, so that a program that joins them gets the text back."""
    return [*(f"{line} " for line in lines[:-1]), *lines[-1:]]


def empty(style: Style, name: str, text: str | None = None) -> Spec:
    """The chart of a selection without transactions, or with nothing to draw for the reason that `text` tells."""
    lines = _joinable(wrap(text or style.word("nothing"), max(20, style.width // 9)))
    mark = {"type": "text", "text": lines, "color": style.colours.muted, "fontSize": 14, "lineHeight": 20}
    return spec(style, name, 240, [{"mark": mark}], data={"values": [{}]})


def months_between(first: str, last: str) -> list[str]:
    """All calendar months from one to another, as `YYYY-MM`: a month without transactions keeps its place."""
    start, end = (int(month[:4]) * 12 + int(month[5:]) - 1 for month in (first, last))
    return [f"{number // 12:04}-{number % 12 + 1:02}" for number in range(start, end + 1)]


def month_axis(style: Style, months: Sequence[str]) -> Spec:
    """The axis of calendar months: as many labels as have room, beginning with the first month."""
    room = min(13, (style.width - 100) // 40)
    step = next(step for step in (1, 2, 3, 6, 12, 24, 60, 120, 1_200, 120_000) if len(months) <= room * step)
    label = f"[{month_labels(style)}[slice(datum.value, 5)], slice(datum.value, 0, 4)]"
    return {"title": None, "values": list(months[::step]), "labelExpr": label, "labelAngle": 0, "ticks": False}


def month_labels(style: Style) -> str:
    """The names of calendar months, from `01` on, as an object of Vega's expressions."""
    return "{" + ", ".join(f"'{place:02}': '{name}'" for place, name in enumerate(month_names(style), 1)) + "}"


def money_axis(style: Style) -> Spec:
    """The axis of amounts."""
    return {"title": None, "labelExpr": money_labels(style), "domain": False, "ticks": False, "tickCount": 5}


def legend(style: Style, labels: Sequence[str], **parts: object) -> Spec:
    """A legend above the picture, in as many columns as have room for its labels."""
    room = style.width - 80
    widths = [30 + int(CHARACTER * len(label)) for label in labels]
    # A few long labels are below each other; many are cut, so that the picture keeps its room.
    most = room if len(widths) <= _FEW_LABELS else min(room // 2, 220)
    pixels = min(room, most, max(widths) + 10)
    columns = len(widths) if sum(widths) <= room else max(1, room // pixels)
    return {"columns": min(6, columns), "labelLimit": pixels - 24, **parts}


def _config(style: Style) -> Spec:
    colours = style.colours
    axis = {"labelColor": colours.muted, "labelFontSize": TEXT, "gridColor": colours.grid}
    title = {"anchor": "start", "color": colours.text, "fontSize": 16, "offset": 12, "frame": "bounds"}
    subtitle = {"subtitleColor": colours.muted, "subtitleFontSize": TEXT, "subtitlePadding": 6}
    labels = {"labelColor": colours.text, "labelFontSize": TEXT, "title": None, "orient": "top", "symbolOpacity": 1}
    return {
        "background": colours.background,
        "font": FONT,
        "padding": PADDING,
        "locale": {"number": LOCALES[style.language]},
        "title": {**title, **subtitle, "subtitleLineHeight": NOTE},
        "axis": {**axis, "domainColor": colours.grid, "labelPadding": 6},
        "legend": labels,
        "text": {"color": colours.text, "fontSize": TEXT},
        "view": {"stroke": None},
    }
