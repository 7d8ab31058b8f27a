"""The rows of a chart from top to bottom, such as one for each city: which have room, their labels, their columns."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from heapq import heappush, heappushpop, nlargest
from itertools import groupby
from typing import TypeVar

from autoconnect.core.charts.base import CHARACTER, HEAD, PADDING, Spec
from autoconnect.core.charts.style import Style
from autoconnect.core.charts.texts import number, shown
from autoconnect.core.table import Row, Table

Item = TypeVar("Item")

#: Rows of a picture whose height suits the content; more would not fit a page or a screen.
MOST_LINES = 48
#: Models of a city; past ten, nobody compares them by eye.
MOST_MODELS = 10


@dataclass(frozen=True)
class Group:
    """A city with its first models by a measure, out of `count`, and its total of that measure over all of them."""

    city: str
    rows: Sequence[Row]
    count: int
    total: int


def lines_that_fit(style: Style, line: int, notes: int = 3, most: int = MOST_LINES) -> int:
    """How many rows of `line` pixels a picture has room for, next to the title and as many lines of notes."""
    if style.height is None:
        return most
    return max(1, min(most, (style.height - 2 * PADDING - HEAD - 16 * notes) // line))


def groups_of(table: Table, measure: str) -> list[Group]:
    """The cities of a table of cities and models, each with its first models by `measure`; ties in the table's order.

    The table is read once, and only these rows are kept, however many models there are.
    """
    cities = groupby(table.rows, key=lambda row: row["city"])
    return [_group(str(city), rows, measure) for city, rows in cities]


def _group(city: str, rows: Iterable[Row], measure: str) -> Group:
    first: list[tuple[int, int, Row]] = []
    count = total = 0
    for row in rows:
        value = int(row[measure] or 0)
        item = (value, -count, row)
        count, total = count + 1, total + value
        if len(first) < MOST_MODELS:
            heappush(first, item)
        else:
            heappushpop(first, item)
    return Group(city, [row for _, _, row in sorted(first, reverse=True)], count, total)


def groups_that_fit(groups: Sequence[Group], lines: int) -> tuple[list[Group], int]:
    """The groups that have room in `lines` rows, one of them for the city, and how many models each of them shows.

    Every city shows at least three models; if there is no room for all cities, those with the highest totals stay.
    """
    models = max(3, min(MOST_MODELS, lines // len(groups) - 1))
    models = max(1, min(models, lines - 1))
    stay = first_of(groups, max(1, lines // (models + 1)), lambda group: group.total)
    return [Group(group.city, group.rows[:models], group.count, group.total) for group in stay], models


def first_of(items: Sequence[Item], most: int, measure: Callable[[Item], float]) -> list[Item]:
    """The `most` items with the highest measure, in the order in which they are."""
    places = nlargest(most, range(len(items)), key=lambda place: measure(items[place]))
    return [items[place] for place in sorted(places)]


def notes_of(style: Style, groups: Sequence[Group], stay: Sequence[Group], models: int, by: str) -> list[str]:
    """What is left out of groups; `by` is the key of the word for the measure."""
    notes = left_cities(style, len(stay), len(groups), by)
    if any(group.count > models for group in stay):
        notes.append(style.word("left_models").format(most=models, by=style.word(by)))
    return notes


def left_cities(style: Style, stay: int, cities: int, by: str) -> list[str]:
    """A note that only the first cities by a measure are shown, if so."""
    if stay == cities:
        return []
    text = style.word("left_cities")
    return [text.format(shown=number(style, stay), all=number(style, cities), by=style.word(by))]


def line_key(place: int, label: str, mark: str = " ") -> str:
    """A key that is unique whatever the label is; the mark `#` makes it a heading."""
    return f"{place:04d}{mark}{shown(label)}"


def label_width(style: Style) -> int:
    """The pixels of the labels of rows."""
    return min(200, max(112, style.width // 4))


def plot_width(style: Style) -> int:
    """The pixels at the right of the labels of rows."""
    return style.width - 2 * PADDING - label_width(style)


def text_width(texts: Iterable[str]) -> int:
    """The pixels of the longest of some texts."""
    return int(CHARACTER * max(map(len, texts)))


def lines_axis(style: Style) -> Spec:
    """The axis of rows whose keys are those of `line_key`; a label is a text, whatever it holds."""
    colours = style.colours
    is_heading = "slice(datum.value, 4, 5) == '#'"
    return {
        "title": None,
        "labelExpr": "slice(datum.value, 5)",
        "labelFontWeight": {"condition": {"test": is_heading, "value": "bold"}, "value": "normal"},
        "labelColor": {"condition": {"test": is_heading, "value": colours.text}, "value": colours.muted},
        "labelLimit": label_width(style),
        "ticks": False,
        "domain": False,
        "grid": False,
    }


def stretch(style: Style, pixels: int) -> float:
    """By how much a scale must be longer than its marks, so that `pixels` of columns stand free at the right."""
    plot = plot_width(style)
    return plot / max(20, plot - pixels)


def column(y: Spec, field: str, offset: int = 0) -> Spec:
    """A column of texts that ends `offset` pixels from the right edge."""
    return {
        "mark": {"type": "text", "align": "right", "xOffset": -offset},
        "encoding": {"y": y, "x": {"value": "width"}, "text": {"field": field}},
    }
