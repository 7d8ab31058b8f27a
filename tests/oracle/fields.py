"""From the text of a field to its value: section 3 of the contract."""

import re
import sys
import unicodedata
from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import NamedTuple

MISSING = {
    *("", "null", "nil", "none", "nan", "na", "n/a", "#n/a", "<na>", r"\n", "-", "--", "?", "(vide)", "(blank)"),
    *("undefined", "#ref!", "#value!", "#name?", "#div/0!", "#num!", "#null!"),
}
TYPES = {
    **dict.fromkeys(("vente", "ventes", "sale", "sales"), "vente"),
    **dict.fromkeys(("location", "locations", "rental", "rentals", "lease", "lld", "loa"), "location"),
}
CURRENCIES = {
    **dict.fromkeys(("€", "eur", "euro", "euros"), "EUR"),
    **dict.fromkeys(("$", "usd"), "USD"),
    **dict.fromkeys(("£", "gbp"), "GBP"),
    "chf": "CHF",
}
MAX_CENTS = 9_999_999_999_99
FIRST_DAY, LAST_DAY = date(1900, 1, 2), date(2099, 12, 30)
#: Orders of day, month and year, by the names that a user gives.
ORDERS = ("ymd", "dmy", "mdy", "dmyy", "mdyy", "yymd")
_FORMS = {
    "ymd": r"(?P<y>[0-9]{4})(?P<mark>[-/.])(?P<m>[0-9]{1,2})(?P=mark)(?P<d>[0-9]{1,2})",
    "dmy": r"(?P<d>[0-9]{1,2})(?P<mark>[-/.])(?P<m>[0-9]{1,2})(?P=mark)(?P<y>[0-9]{4})",
    "mdy": r"(?P<m>[0-9]{1,2})(?P<mark>[-/.])(?P<d>[0-9]{1,2})(?P=mark)(?P<y>[0-9]{4})",
    "dmyy": r"(?P<d>[0-9]{1,2})(?P<mark>[-/.])(?P<m>[0-9]{1,2})(?P=mark)(?P<y>[0-9]{2})",
    "mdyy": r"(?P<m>[0-9]{1,2})(?P<mark>[-/.])(?P<d>[0-9]{1,2})(?P=mark)(?P<y>[0-9]{2})",
    "yymd": r"(?P<y>[0-9]{2})(?P<mark>[-/.])(?P<m>[0-9]{1,2})(?P=mark)(?P<d>[0-9]{1,2})",
    "compact": "(?P<y>[0-9]{4})(?P<m>[0-9]{2})(?P<d>[0-9]{2})",
}


class Amount(NamedTuple):
    """An amount without its sign, and whether it is negative."""

    cents: int
    negative: bool


class Parts(NamedTuple):
    """An amount as it is written, taken apart: digits with their marks, the sign, and the currency or None."""

    number: str
    negative: bool
    currency: str | None


# --- Any field -------------------------------------------------------------------------------------------------------


def is_invisible(char: str) -> bool:
    """Whether a character is of the Unicode category Cf, such as U+200B."""
    return unicodedata.category(char) == "Cf"


#: All characters of white space, and all invisible ones.
WHITE = "".join(filter(str.isspace, map(chr, range(sys.maxunicode + 1))))
INVISIBLE = "".join(filter(is_invisible, map(chr, range(sys.maxunicode + 1))))


def trim(text: str) -> str:
    """Take off white space and invisible characters on both sides, in any order."""
    return text.strip(WHITE + INVISIBLE)


def is_missing(text: str) -> bool:
    """Whether a trimmed field is empty or, without case, one of the words for no value."""
    return text.lower() in MISSING


def shown(text: str) -> str:
    """The first 80 characters of a value, as a reject shows it: one that is not printable as `U+` and its code."""
    return "".join(char if char.isprintable() else f"U+{ord(char):04X}" for char in text[:80])


@cache
def without_case_and_accents(text: str) -> str:
    """Take a text as words are compared: without case and accents."""
    letters = unicodedata.normalize("NFD", text)
    return "".join(char for char in letters if not unicodedata.combining(char)).casefold()


# --- Dates -----------------------------------------------------------------------------------------------------------


@cache
def read_date(text: str, order: str) -> date | None:
    """The day of a field in one order; a year of four digits that stands first is read in every order.

    A day may be followed by `T` or white space and anything. None if there is no such day, or if it is a placeholder.
    """
    for form in ("ymd", "compact", order):
        match = re.fullmatch(rf"{_FORMS[form]}(?:[T\s].*)?", text, re.DOTALL)
        if match:
            return _day(match)
    return None


def _day(match: re.Match[str]) -> date | None:
    year, month, day = (int(match[part]) for part in "ymd")
    if len(match["y"]) == 2:
        if year > 69:
            return None
        year += 2000
    try:
        found = date(year, month, day)
    except ValueError:
        return None
    return found if FIRST_DAY <= found <= LAST_DAY else None


@cache
def is_any_date(text: str) -> bool:
    """Whether a text reads as a day in any order."""
    return text[:1].isdigit() and any(read_date(text, order) for order in ORDERS)


def numbers_of_date(text: str, order: str) -> tuple[int, int] | None:
    """The first two numbers of a text that has the form of an order, whether there is such a day or not."""
    match = re.fullmatch(rf"{_FORMS[order]}(?:[T\s].*)?", text, re.DOTALL)
    return (int(match[1]), int(match[3])) if match else None


# --- Amounts ---------------------------------------------------------------------------------------------------------


def take_apart(text: str) -> Parts:
    """Take the sign and one currency off a trimmed amount; the sign may stand outside or inside the currency."""
    number, negative = _without_sign(text)
    number, currency = _without_currency(number)
    if not negative:
        number, negative = _without_sign(number)
    return Parts(number, negative, currency)


def _without_sign(text: str) -> tuple[str, bool]:
    """`-5`, `5-`, `(5)`, each also with U+2212."""
    if text.startswith(("-", "\u2212")):
        return text[1:], True
    if text.endswith(("-", "\u2212")):
        return text[:-1], True
    if text.startswith("(") and text.endswith(")"):
        return text[1:-1], True
    return text, False


def _without_currency(text: str) -> tuple[str, str | None]:
    """A currency may stand before or after, with or without white space between."""
    for mark in sorted(CURRENCIES, key=len, reverse=True):
        if text.lower().startswith(mark):
            return text[len(mark) :].lstrip(), CURRENCIES[mark]
        if text.lower().endswith(mark):
            return text[: -len(mark)].rstrip(), CURRENCIES[mark]
    return text, None


def match_number(number: str, decimal: str | None) -> re.Match[str] | None:
    """Digits, not grouped or strictly grouped by threes with one character, and any decimals.

    `decimal` is the decimal mark; without one, no mark may stand in the number. Groups: `whole` and `decimals`.
    """
    other = {".": ",", ",": ".", None: ""}[decimal]
    grouped = rf"[0-9]{{1,3}}(?P<mark>[ \u00a0\u202f'\u2019{other}])[0-9]{{3}}(?:(?P=mark)[0-9]{{3}})*"
    decimals = rf"(?:[{decimal}](?P<decimals>[0-9]+))?" if decimal else "(?P<decimals>(?!))?"
    return re.fullmatch(rf"(?P<whole>{grouped}|[0-9]+){decimals}", number)


@cache
def read_amount(text: str, decimal: str | None, decimal_given: bool, currency: str | None) -> Amount | None:
    """The amount of a trimmed field, or None: of another currency, of a wrong form, not exact in cents, too large."""
    parts = take_apart(text)
    match = match_number(parts.number, decimal)
    if not match or parts.currency not in (None, currency):
        return None
    whole = re.sub("[^0-9]", "", match["whole"])
    decimals = match["decimals"] or ""
    if not are_exact(whole, decimals, decimal_given):
        return None
    cents = int(whole) * 100 + int(decimals[:2].ljust(2, "0"))
    return Amount(cents, parts.negative) if cents <= MAX_CENTS else None


def are_exact(whole: str, decimals: str, decimal_given: bool) -> bool:
    """Up to 2 decimals; 4 and more if all beyond the second are 0.

    Exactly 3 only if the third is 0, and more than 3 digits precede or the decimal mark was given.
    """
    if len(decimals) == 3:
        return decimals[2] == "0" and (len(whole) > 3 or decimal_given)
    return set(decimals[2:]) <= {"0"}


# --- Type, duration, names -------------------------------------------------------------------------------------------


def read_type(text: str, given: Mapping[str, str]) -> str | None:
    """`vente` or `location`, by the given words and the contract's, without case and accents."""
    words = {**TYPES, **{without_case_and_accents(trim(word)): TYPES[kind] for word, kind in given.items()}}
    return words.get(without_case_and_accents(text))


def read_duration(text: str) -> int | None:
    """A number of months from 1 to 1,200 without leading zero, also written `12.0` or `12,0`."""
    match = re.fullmatch("([1-9][0-9]*)([.,]0)?", text)
    if not match or len(match[1]) > 4 or int(match[1]) > 1200:
        return None
    return int(match[1])


@cache
def read_name(text: str) -> str:
    """The name of a city or a model: in NFC, without invisible characters, each run of white space or `_` one space."""
    visible = "".join(char for char in text if not is_invisible(char))
    return unicodedata.normalize("NFC", re.sub(r"[\s_]+", " ", visible).strip())
