"""A report before its charts are drawn: the pieces of the page, and between each two of them a chart."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from autoconnect.exports.report.pictures import inline

#: Where a chart stands in the page. Texts of files are escaped, so none of them can hold it.
PLACE = "<!--chart-->"


@dataclass(frozen=True)
class Draft:
    """The page without its charts, and each chart with its name and its specification in JSON."""

    page: str
    charts: Sequence[tuple[str, str]]

    def complete(self, pictures: Sequence[bytes]) -> bytes:
        """The page with the pictures of its charts, in SVG and in the same order."""
        pieces = self.page.split(PLACE)
        drawn = [
            inline(svg, place, name) for place, (svg, (name, _)) in enumerate(zip(pictures, self.charts, strict=True))
        ]
        return "".join(piece + svg for piece, svg in zip(pieces, [*drawn, ""], strict=True)).encode()

    def to_json(self) -> bytes:
        """The draft for `from_json`."""
        return json.dumps([self.page, self.charts]).encode()

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        page, charts = json.loads(text)
        return cls(page, charts)
