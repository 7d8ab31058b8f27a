"""The tables of a report: cells as texts, and as many rows as a page has room for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

from autoconnect.core.table import Column, Kind, Row, Table, Value
from autoconnect.exports.report.texts import Texts

#: Rows of a table that are shown: a chart and its table fit on one page of A4.
MOST_ROWS = 25
#: Rows of a table up to which its latest months are looked for.
_MOST_SEARCHED = 100_000
_TEXTS = (Kind.TEXT, Kind.NAME)


@dataclass(frozen=True)
class Cell:
    """A text of a table; `look` is how it is set: `number`, `month`, `repeated` for a name from above, or empty."""

    text: str
    look: str


@dataclass(frozen=True)
class Line:
    """A row of a table; it has a line above it if it begins a group of rows that are about the same."""

    cells: Sequence[Cell]
    begins_group: bool
    is_total: bool


@dataclass(frozen=True)
class View:
    """A table as a report shows it; `cut` says which rows, if some are left out."""

    headings: Sequence[Cell]
    lines: Sequence[Line]
    cut: str


def view(table: Table, texts: Texts) -> View:
    """The rows that fit on the page; if a table has months, the latest ones of each city."""
    rows, key = _shown_rows(table)
    headings = [Cell(texts.heading(column.name), _look(column)) for column in table.columns]
    cut = ""
    if len(rows) < len(table.rows):
        cut = texts.say(key, shown=texts.count(len(rows)), all=texts.count(len(table.rows)))
    return View(headings, _lines(table.columns, rows, texts), cut)


def _shown_rows(table: Table) -> tuple[list[Row], str]:
    if len(table.rows) <= MOST_ROWS:
        return list(table.rows), "cut"
    names = table.names
    if names[0] == "month":
        return list(table.rows[-MOST_ROWS:]), "cut_months"
    if "month" in names and len(table.rows) <= _MOST_SEARCHED:
        return _latest(table.rows), "cut_months"
    return list(islice(table.rows, MOST_ROWS)), "cut"


def _latest(rows: Sequence[Row]) -> list[Row]:
    cities = len({row["city"] for row in rows})
    months = sorted({str(row["month"]) for row in rows})[-max(1, MOST_ROWS // cities) :]
    return [row for row in rows if str(row["month"]) >= months[0]][:MOST_ROWS]


def _lines(columns: Sequence[Column], rows: Sequence[Row], texts: Texts) -> list[Line]:
    lines, before = list[Line](), object()
    for row in rows:
        first = row[columns[0].name]
        is_repeated = first == before
        cells = [Cell(_text(column, row[column.name], texts), _look(column)) for column in columns]
        if is_repeated:
            cells[0] = replace(cells[0], look="repeated")
        lines.append(Line(cells, not is_repeated, is_total=first is None))
        before = first
    return lines


def _look(column: Column) -> str:
    """Names, and the month that a row is about, are on the left; all else is set as numbers are."""
    if column.name == "month":
        return "month"
    return "" if column.kind in _TEXTS else "number"


def _text(column: Column, value: Value, texts: Texts) -> str:
    if column.name == "city" and value is None:
        return texts.say("all_cities")
    if column.name == "type":
        return texts.words.get(str(value), str(value))
    return texts.cell(column, value)
