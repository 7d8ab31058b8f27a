"""Names, numbers and dates as texts in the language of a chart."""

import re
from collections.abc import Sequence
from decimal import Decimal

from autoconnect.core.charts.style import Style
from autoconnect.core.table import Value

#: Shown where a value is missing.
NONE = "\u2013"
#: Characters that XML, and so an SVG, cannot hold.
_NOT_IN_XML = re.compile("[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_SIGNS = {"EUR": "€", "USD": "$", "GBP": "£"}


def shown(name: object) -> str:
    """A name as SVG can hold it."""
    return _NOT_IN_XML.sub("\ufffd", str(name))


def number(style: Style, value: Value, digits: int = 0, signed: bool = False) -> str:
    """A number with `digits` decimals in the marks of the language; None is a dash."""
    if value is None:
        return NONE
    text = f"{Decimal(value):{'+' if signed else ''},.{digits}f}".replace("-", "\u2212")
    if not text.strip("+\u22120.,"):
        text = text.lstrip("+\u2212")
    if style.language == "fr":
        text = text.replace(",", "\u202f").replace(".", ",")
    return text


def money(style: Style, value: Value, digits: int | None = None, signed: bool = False) -> str:
    """An amount with the sign of the currency, which English puts before and French after the number.

    By default amounts have no decimals, but small ones have two.
    """
    if digits is None:
        digits = 2 if value is not None and 0 < abs(Decimal(value)) < 100 else 0
    text = number(style, value, digits, signed)
    before, after = _sign(style)
    if value is None:
        return text
    place = 1 if text[0] in "+\u2212" else 0
    return f"{text[:place]}{before}{text[place:]}{after}"


def percent(style: Style, value: Value, digits: int = 1, signed: bool = False) -> str:
    """A percentage; None is a dash."""
    return NONE if value is None else number(style, value, digits, signed) + style.word("percent")


def month(style: Style, name: Value) -> str:
    """A calendar month `YYYY-MM` by its short name and year; None is a dash."""
    if name is None:
        return NONE
    year, place = str(name).split("-")
    return f"{month_names(style)[int(place) - 1]} {year}"


def day(style: Style, name: Value) -> str:
    """A day `YYYY-MM-DD` by its number, the short name of its month, and its year; None is a dash."""
    if name is None:
        return NONE
    text = str(name)
    first = style.word("first_day") if text.endswith("-01") else str(int(text[8:]))
    return f"{first} {month(style, text[:7])}"


def month_names(style: Style) -> Sequence[str]:
    """The short names of the calendar months, January first."""
    return style.word("months").split()


def money_labels(style: Style) -> str:
    """The expression of the labels of an axis of amounts: thousands, millions and so on are shortened."""
    before, after = _sign(style)
    steps = [("1e9", style.word("billion")), ("1e6", style.word("million")), ("1e3", style.word("thousand"))]
    expression = "format(abs(datum.value), '~r')"
    for step, word in reversed(steps):
        shortened = f"format(abs(datum.value) / {step}, '.4~g') + '{word}'"
        expression = f"abs(datum.value) >= {step} ? {shortened} : ({expression})"
    return f"(datum.value < 0 ? '\u2212' : '') + '{before}' + ({expression}) + '{after}'"


def _sign(style: Style) -> tuple[str, str]:
    """What stands before and after an amount."""
    if style.currency is None:
        return "", ""
    sign = _SIGNS.get(style.currency, style.currency)
    if style.language == "fr":
        return "", f"\u00a0{sign}"
    return (f"{sign}\u00a0" if len(sign) > 1 else sign), ""
