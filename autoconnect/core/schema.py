"""The columns of a row, their names in headers, and the words that have a meaning of their own."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from autoconnect.core.dialect import NEEDED, Currency

#: Which names of cities and models are the same: `on` without case and accents, `case` without case, `off` no others.
Folding = Literal["on", "case", "off"]

#: Reasons to reject a row; a row with several faults gets the first of them in this order.
REASONS = (
    "bad_encoding",
    "record_too_long",
    "bad_quotes",
    "field_count",
    "missing_id",
    "bad_date",
    "missing_city",
    "unknown_type",
    "missing_model",
    "negative_price",
    "bad_price",
    "bad_duration",
    "bad_cost",
)

#: Stored and shown names of the two types; the code of a type is its index here.
TYPES = ("location", "vente")
RENTAL, SALE = range(2)

_SPREADSHEET_ERRORS = ("#ref!", "#value!", "#name?", "#div/0!", "#num!", "#null!")
#: Words that stand for "no value", in lower case.
MISSING = frozenset(
    ("", "null", "nil", "none", "nan", "na", "n/a", "#n/a", "<na>", "\\n", "-", "--", "?", "(vide)", "(blank)")
) | {"undefined", *_SPREADSHEET_ERRORS}

#: Value of a missing optional field; real values are never negative.
ABSENT = -1

#: Words and signs for a currency, in the form of `folded_word`.
CURRENCIES: Mapping[str, Currency] = {
    "€": "EUR",
    "eur": "EUR",
    "euro": "EUR",
    "euros": "EUR",
    "$": "USD",
    "usd": "USD",
    "£": "GBP",
    "gbp": "GBP",
    "chf": "CHF",
}

#: Characters; every known name and type is shorter. Decomposing a longer text could take quadratic time.
_MAX_WORD = 64
_BRACKET = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_IGNORED_IN_NAMES = re.compile(r"[\s_.\-]+")
_IGNORED_WORDS = frozenset({*CURRENCIES, "ht", "ttc"})
_MONTHS = frozenset({"mois", "months"})
_BRACKETED_MONTHS = re.compile(r"[(\[]\s*(mois|months)\s*[)\]]", re.IGNORECASE)


class Refused(Exception):
    """Raised when a field, or a record as a whole, makes its row a reject.

    `column` is the meaning of the column, None if the reason concerns the whole record; `value` is the text at fault.
    """

    def __init__(self, reason: str, column: str | None = None, value: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.column = column
        self.value = value


@dataclass(frozen=True)
class InputColumn:
    """The header names of a column, and whether every source must have it. Of several ids, the first name counts."""

    names: tuple[str, ...]
    needed: bool


_NAMES: Mapping[str, tuple[str, ...]] = {
    "id": ("transaction_id", "id", "id_transaction", "n° transaction", "numero", "number", "reference"),
    "date": ("date", "date_transaction", "date_vente", "date de vente", "transaction_date", "sale_date", "jour", "day"),
    "city": ("ville", "city", "commune", "town"),
    "type": ("type", "type_transaction", "transaction_type", "operation"),
    "model": ("modele", "model", "modele_vehicule", "vehicule", "vehicle", "car"),
    "price": (
        *("prix", "price", "montant", "amount", "prix_ttc", "prix_ht", "prix_vente", "montant_ttc", "montant_ht"),
        "sale_price",
    ),
    "duration": ("duree_location_mois", "duree_mois", "rental_months", "duration_months"),
    "cost": ("cout", "cost", "cout_ht", "cout_ttc", "cout_achat", "prix_achat", "purchase_price"),
    "currency": ("devise", "monnaie", "currency"),
}
COLUMNS: Mapping[str, InputColumn] = {
    meaning: InputColumn(names, meaning in NEEDED) for meaning, names in _NAMES.items()
}


def trimmed(text: str) -> str:
    """A text without white space and invisible characters at both ends."""
    text = text.strip()
    if text.isascii():
        return text
    start, end = 0, len(text)
    while start < end and _is_blank(text[start]):
        start += 1
    while end > start and _is_blank(text[end - 1]):
        end -= 1
    return text[start:end]


def is_missing(text: str) -> bool:
    """Whether a trimmed field stands for "no value"."""
    return text.lower() in MISSING


def visible(text: str) -> str:
    """A text without invisible characters."""
    return text if text.isascii() else "".join(letter for letter in text if not _is_invisible(letter))


def folded_word(text: str) -> str:
    """The form in which words are compared: without accents and case."""
    if text.isascii() or len(text) > _MAX_WORD:
        return text.casefold()
    decomposed = unicodedata.normalize("NFD", text)
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter)).casefold()


def header_name(field: str) -> str:
    """The form in which names of columns are compared: without accents, case, spaces, `_`, `-`, `.`; brackets stay."""
    return folded_word(_IGNORED_IN_NAMES.sub("", visible(field)))


def bare_name(field: str, meaning: str | None = None) -> str:
    """A `header_name` without brackets that hold no more than a currency, a tax word or, of a duration, its unit."""
    ignored = _IGNORED_WORDS | (_MONTHS if meaning == "duration" else frozenset())
    return header_name(_BRACKET.sub(lambda match: "" if ignored.issuperset(_words_of(match)) else match[0], field))


def meaning_of(field: str) -> str | None:
    """The meaning of a column by its name in the header, or None.

    The unit of a duration may be in a bracket, as a part of its name or after it: `Durée (mois)`, `Durée mois (mois)`.
    """
    return _meaning_of_short(field) if len(field) <= _MAX_WORD else _find_meaning(field)


def _find_meaning(field: str) -> str | None:
    meaning = _MEANINGS.get(bare_name(field))
    if meaning or not _BRACKET.search(field):
        return meaning
    names = bare_name(field, "duration"), bare_name(_BRACKETED_MONTHS.sub(r"\1", field))
    return "duration" if any(_MEANINGS.get(name) == "duration" for name in names) else None


#: Fields of rows are looked up, too: a row without a date may be a header.
_meaning_of_short = lru_cache(maxsize=4_096)(_find_meaning)


def bracket_currency(field: str) -> Currency | None:
    """The currency that a name of the header has in brackets."""
    words = (word for match in _BRACKET.finditer(field) for word in _words_of(match))
    return next((CURRENCIES[word] for word in words if word in CURRENCIES), None)


def _words_of(bracket: re.Match[str]) -> list[str]:
    """The words between brackets, an empty one if there are none."""
    return [folded_word(word) for word in visible(bracket[0][1:-1]).split()] or [""]


def _is_blank(letter: str) -> bool:
    return letter.isspace() or _is_invisible(letter)


def _is_invisible(letter: str) -> bool:
    return unicodedata.category(letter) == "Cf"


_MEANINGS = {header_name(name): meaning for meaning, column in COLUMNS.items() for name in column.names}
