"""How a chart looks: size, theme, language, currency."""

import re
from dataclasses import dataclass
from typing import Literal, get_args

from autoconnect.core.charts.words import WORDS

Theme = Literal["light", "dark"]
Language = Literal["en", "fr"]
THEMES: tuple[Theme, ...] = get_args(Theme)
LANGUAGES: tuple[Language, ...] = get_args(Language)
#: The lowest and the highest width and height of a picture, in pixels.
WIDTHS, HEIGHTS = (320, 2400), (240, 2400)
_CURRENCY = re.compile("[A-Z]{3}")


@dataclass(frozen=True)
class Colours:
    """The colours of a theme besides the palette; texts have a contrast of at least 4.5 on background and tile."""

    background: str
    tile: str
    text: str
    muted: str
    grid: str


_COLOURS = {
    "light": Colours("#ffffff", "#f1f4f7", "#1f2933", "#5f6b76", "#e4e7eb"),
    "dark": Colours("#16191d", "#22272d", "#e6e9ec", "#9aa5b1", "#30363d"),
}


@dataclass(frozen=True)
class Style:
    """How a chart looks: pixels of the whole picture, theme, language, and the currency of the amounts.

    A height of None suits the content; a currency of None, as of a file without marks, shows amounts without a sign.
    `cities` are all cities of the result: with them, a city keeps its colour whatever the filter. Raises ValueError for
    a value out of `WIDTHS`, `HEIGHTS`, `THEMES` or `LANGUAGES`, or a currency that is not three capital letters.
    """

    width: int = 720
    height: int | None = None
    theme: Theme = "light"
    language: Language = "en"
    currency: str | None = None
    cities: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_size("width", self.width, WIDTHS)
        if self.height is not None:
            _check_size("height", self.height, HEIGHTS)
        if self.theme not in THEMES:
            raise ValueError(f"theme is {self.theme!r}; expected {' or '.join(THEMES)}.")
        if self.language not in LANGUAGES:
            raise ValueError(f"language is {self.language!r}; expected {' or '.join(LANGUAGES)}.")
        if self.currency is not None and not _CURRENCY.fullmatch(self.currency):
            raise ValueError(f"currency is {self.currency!r}; expected three capital letters, such as EUR.")

    @property
    def colours(self) -> Colours:
        """The colours of the theme."""
        return _COLOURS[self.theme]

    def word(self, key: str) -> str:
        """A text in the language."""
        return WORDS[self.language][key]


def _check_size(name: str, pixels: int, bounds: tuple[int, int]) -> None:
    lowest, highest = bounds
    if not lowest <= pixels <= highest:
        raise ValueError(f"{name} is {pixels} pixels; expected {lowest} to {highest}.")
