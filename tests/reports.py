"""Reads the page of a report, as a browser does."""

from collections.abc import Sequence
from decimal import Decimal
from html.parser import HTMLParser

#: Elements without an end.
_VOID = ("meta",)


class ReportPage(HTMLParser):
    """The tables of a page by the id of their section, all texts, elements and addresses that it names."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.pictures: list[str] = []
        self.texts: list[str] = []
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.ids: list[str] = []
        self._open: list[str] = []
        self._section = ""
        self.feed(page.decode())
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes.update(name for name, _ in attrs)
        given = dict(attrs)
        self.ids += [given["id"] or ""] if "id" in given else []
        if tag not in _VOID:
            self._open.append(tag)
        if tag == "section":
            self._section = given.get("id") or "figures"
        elif tag == "tr":
            self.tables.setdefault(self._section, []).append([])
        elif tag in ("td", "th"):
            self.tables[self._section][-1].append("")
        elif tag == "svg":
            self.pictures.append(self._section)

    def handle_startendtag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not data.strip():
            return
        if self._open[-1] != "style":
            self.texts.append(data.strip())
        if {"td", "th"} & set(self._open):
            self.tables[self._section][-1][-1] += data

    @property
    def text(self) -> str:
        """All that a reader sees."""
        return " ".join(self.texts)

    def rows(self, section: str) -> list[list[str]]:
        """The rows below the headings."""
        return self.tables[section][1:]


def number_of(cell: str) -> Decimal | None:
    """The number that a cell of an English page shows, in whatever unit; None for a dash."""
    text = cell.strip("€% ").replace(",", "").replace("\u2212", "-").replace("€", "")
    return None if text == "\u2013" else Decimal(text)
