"""Tables on the terminal and in the pages that show them, between markers that nobody else writes between."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autoconnect.cli.show import console, show_table
from autoconnect.errors import AutoConnectError

_BETWEEN = re.compile(r"(?<=<!-- bench:start -->\n).*(?=<!-- bench:end -->)", re.DOTALL)


@dataclass(frozen=True)
class Table:
    """What an experiment found: rows with the same columns, and what must be known to read them."""

    title: str
    rows: Sequence[Mapping[str, Any]]
    note: str = ""

    def show(self) -> None:
        """Prints it."""
        out = console()
        show_table(out, self.title, list(self.rows[0]), self.rows, "")
        if self.note:
            out.print(self.note, end="\n\n")

    def markdown(self) -> str:
        """It as a section of a page."""
        head = list(self.rows[0])
        rule = ["---" if isinstance(value, str) else "---:" for value in self.rows[0].values()]
        lines = [head, rule, *([_cell(row[name]) for name in head] for row in self.rows)]
        table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        return f"### {self.title}\n\n{table}\n\n" + (f"{self.note}\n\n" if self.note else "")


def say(text: str) -> None:
    """Tells how far the benchmark is."""
    console(stderr=True).print(text)


def write_between_markers(page: Path, text: str) -> None:
    """Replaces what stands between a page's markers.

    Raises AutoConnectError where it has none.
    """
    written, count = _BETWEEN.subn(lambda _: f"\n{text.strip()}\n\n", page.read_text())
    if count != 1:
        raise AutoConnectError(f"{page} has {count} pairs of the markers bench:start and bench:end; expected one.")
    page.write_text(written)


def write_sections(page: Path, sections: Sequence[str]) -> None:
    """Replaces those of the sections between a page's markers that have the same heads; new ones come last.

    Raises AutoConnectError where it has no markers.
    """
    found = _BETWEEN.search(page.read_text())
    text = found[0] if found else ""
    for section in sections:
        head = section.partition("\n")[0]
        before, is_there, rest = text.partition(f"{head}\n")
        _, next_head, after = rest.partition("\n### ")
        text = f"{before.rstrip()}\n\n{section.strip()}\n" + (f"\n### {after}" if is_there and next_head else "")
    write_between_markers(page, text)


def _cell(value: object) -> str:
    return value if isinstance(value, str) else f"{value:,}"
