"""Shows tables on the terminal and writes them into pages, between markers reserved for them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autoconnect.cli.show import console, show_table
from autoconnect.core import table
from autoconnect.core.table import Column, Kind
from autoconnect.errors import AutoConnectError

_BETWEEN = re.compile(r"(?<=<!-- bench:start -->\n).*(?=<!-- bench:end -->)", re.DOTALL)


@dataclass(frozen=True)
class Table:
    """The result of an experiment: rows with the same columns, and a note on how to read them."""

    title: str
    rows: Sequence[Mapping[str, Any]]
    note: str = ""

    def show(self) -> None:
        """Print the table."""
        out = console()
        show_table(out, self.title, _table(self.rows))
        if self.note:
            out.print(self.note, end="\n\n")

    def markdown(self) -> str:
        """The table as a section of a page."""
        head = list(self.rows[0])
        rule = ["---" if isinstance(value, str) else "---:" for value in self.rows[0].values()]
        lines = [head, rule, *([_cell(row[name]) for name in head] for row in self.rows)]
        grid = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        return f"### {self.title}\n\n{grid}\n\n" + (f"{self.note}\n\n" if self.note else "")


def _table(rows: Sequence[Mapping[str, Any]]) -> table.Table:
    kinds = {name: Kind.TEXT if isinstance(value, str) else Kind.COUNT for name, value in rows[0].items()}
    columns = tuple(Column(name, kind, "") for name, kind in kinds.items())
    return table.Table(columns, [dict(row) for row in rows])


def say(text: str) -> None:
    """Print a message on the progress of the benchmark."""
    console(stderr=True).print(text)


def write_between_markers(page: Path, text: str) -> None:
    """Replace the text between the markers of a page.

    Raises AutoConnectError if the page has no markers.
    """
    new_text, count = _BETWEEN.subn(lambda _: f"\n{text.strip()}\n\n", page.read_text())
    if count != 1:
        raise AutoConnectError(
            f"{page} has {count} pairs of the markers bench:start and bench:end; expected exactly one."
        )
    page.write_text(new_text)


def write_sections(page: Path, sections: Sequence[str]) -> None:
    """Replace the sections between the markers of a page that have the same headings; append new ones.

    Raises AutoConnectError if the page has no markers.
    """
    match = _BETWEEN.search(page.read_text())
    text = match[0] if match else ""
    for section in sections:
        heading = section.partition("\n")[0]
        before, old_heading, rest = text.partition(f"{heading}\n")
        _, next_heading, after = rest.partition("\n### ")
        text = f"{before.rstrip()}\n\n{section.strip()}\n"
        if old_heading and next_heading:
            text += f"\n### {after}"
    write_between_markers(page, text)


def _cell(value: object) -> str:
    return value if isinstance(value, str) else f"{value:,}"
