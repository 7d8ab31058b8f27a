"""The form of a chart: a Vega-Lite specification with its data, in one look for all metrics."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from autoconnect.core.charts.words import LOCALES, WORDS
from autoconnect.core.table import Table

Spec = dict[str, Any]

_SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
#: Okabe and Ito's colours, which colour-blind people can tell apart, without black, then darker ones of the same hues.
PALETTE = (
    *("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00"),
    *("#004B75", "#966800", "#006B4E", "#8A4A6E", "#2F7EA8", "#8F3F00"),
)
_FONT = "Arial, Helvetica, sans-serif"
#: Characters that XML, and so an SVG, cannot hold.
_NOT_IN_XML = re.compile("[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True)
class Theme:
    """The colours of a chart besides its palette."""

    background: str
    text: str
    muted: str
    grid: str


THEMES = {
    "light": Theme("#ffffff", "#1f2933", "#5f6b76", "#e4e7eb"),
    "dark": Theme("#16191d", "#e6e9ec", "#9aa5b1", "#30363d"),
}


@dataclass(frozen=True)
class Look:
    """How a chart looks: pixels, theme and language; a height of None suits the content."""

    width: int = 720
    height: int | None = None
    theme: Literal["light", "dark"] = "light"
    lang: Literal["en", "fr"] = "en"

    @property
    def colours(self) -> Theme:
        """The colours of the theme."""
        return THEMES[self.theme]

    def word(self, key: str) -> str:
        """A text in the language."""
        return WORDS[self.lang][key]

    @property
    def month_names(self) -> str:
        """The names of calendar months, from `01` on, as an object of Vega's expressions."""
        names = enumerate(self.word("months").split(), 1)
        return "{" + ", ".join(f"'{number:02}': '{name}'" for number, name in names) + "}"


@dataclass(frozen=True)
class Chart:
    """The chart of a metric: `draw` takes its table."""

    name: str
    draw: Callable[[Table, Look], Spec]


def shown(name: object) -> str:
    """A name as SVG can hold it."""
    return _NOT_IN_XML.sub("\ufffd", str(name))


def colour_of(cities: Sequence[str]) -> Spec:
    """The scale that gives each city its colour, by the order of the cities."""
    return {"domain": list(cities), "range": [PALETTE[number % len(PALETTE)] for number in range(len(cities))]}


def spec(look: Look, name: str, height: int, layers: Sequence[Spec], **parts: object) -> Spec:
    """A specification of layers in a picture of the look's width, and by default of `height` pixels."""
    return {
        "$schema": _SCHEMA,
        "title": look.word(name),
        "width": look.width,
        "height": look.height or height,
        "autosize": {"type": "fit", "contains": "padding"},
        "config": _config(look),
        "layer": list(layers),
        **parts,
    }


def empty(look: Look, name: str) -> Spec:
    """The chart of a selection without transactions."""
    text = {"type": "text", "text": look.word("nothing"), "color": look.colours.muted, "fontSize": 14}
    return spec(look, name, 200, [{"mark": text}], data={"values": [{}]})


def rows_axis(limit: int = 180) -> Spec:
    """The axis of rows whose keys are those of `row_key`."""
    is_heading = "slice(datum.value, 4, 5) == '#'"
    return {
        "title": None,
        "labelExpr": "slice(datum.value, 5)",
        "labelFontWeight": {"condition": {"test": is_heading, "value": "bold"}, "value": "normal"},
        "labelLimit": limit,
        "ticks": False,
        "domain": False,
        "grid": False,
    }


def row_key(number: int, label: str, mark: str = " ") -> str:
    """A key that is unique whatever the label is; the mark `#` makes it a heading."""
    return f"{number:04d}{mark}{label}"


def months_between(first: str, last: str) -> list[str]:
    """All calendar months from one to another, as `YYYY-MM`: a month without transactions keeps its place."""
    start, end = (int(month[:4]) * 12 + int(month[5:]) - 1 for month in (first, last))
    return [f"{number // 12:04}-{number % 12 + 1:02}" for number in range(start, end + 1)]


def month_axis(look: Look, months: Sequence[str]) -> Spec:
    """The axis of calendar months: at most 13 labels, which begin with the first month."""
    step = next(step for step in (1, 2, 3, 6, 12, 24, 60, 120, 1_200, 120_000) if len(months) <= 13 * step)
    label = f"[{look.month_names}[slice(datum.value, 5)], slice(datum.value, 0, 4)]"
    return {"title": None, "values": list(months[::step]), "labelExpr": label, "labelAngle": 0, "ticks": False}


def _config(look: Look) -> Spec:
    colours = look.colours
    axis = {"labelColor": colours.muted, "titleColor": colours.muted, "gridColor": colours.grid}
    return {
        "background": colours.background,
        "font": _FONT,
        "padding": 12,
        "locale": {"number": LOCALES[look.lang]},
        "title": {"anchor": "start", "color": colours.text, "fontSize": 16, "offset": 12},
        "axis": {**axis, "domainColor": colours.grid, "titleFontWeight": "normal", "labelPadding": 6},
        "legend": {"labelColor": colours.text, "title": None, "orient": "top", "labelLimit": 140, "columns": 6},
        "text": {"color": colours.text},
        "view": {"stroke": None},
    }
