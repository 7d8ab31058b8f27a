"""The readers of fields: each returns the value of a trimmed field, or raises Refused with the reason that users see.

Money is in integer cents; a day is the number of days since 1970-01-01.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import partial

from autoconnect.core.amounts import amount_form, read_cents
from autoconnect.core.days import EXAMPLES, read_day
from autoconnect.core.dialect import Currency, Dates
from autoconnect.core.layout import Layout
from autoconnect.core.records import MAX_RECORD_BYTES
from autoconnect.core.schema import (
    ABSENT,
    CURRENCIES,
    RENTAL,
    SALE,
    TYPES,
    Refused,
    folded_word,
    is_missing,
    visible,
)

Value = int | str
Reader = Callable[[str], Value]

#: The longest accepted rental, a hundred years.
MAX_MONTHS = 1_200

#: Accents in a row that are composed: to put them in order takes time quadratic in their number.
_MAX_ACCENTS = 64
_TYPE_CODES = {
    **dict.fromkeys(("vente", "ventes", "sale", "sales"), SALE),
    **dict.fromkeys(("location", "locations", "rental", "rentals", "lease", "lld", "loa"), RENTAL),
}
_SPACES = re.compile(r"[\s_]+")
_MONTHS = re.compile(r"([1-9][0-9]{0,3})(?:[.,]0)?")
_EXCEL_SERIAL = re.compile(r"[0-9]{5}")


def readers(layout: Layout) -> Mapping[str, Reader]:
    """The reader of each column, in the order of REASONS; the duration is read as that of a rental.

    A missing optional field reads as ABSENT.
    """
    form = amount_form(layout.dialect)
    return {
        "id": _read_id,
        "date": partial(_read_date, order=layout.dialect.dates),
        "city": partial(_read_name, reason="missing_city"),
        "type": partial(type_code, types=layout.types),
        "model": partial(_read_name, reason="missing_model"),
        "price": partial(read_cents, form=form, bad="bad_price", negative="negative_price"),
        "currency": partial(_read_currency, currency=layout.dialect.currency),
        "duration": _read_months,
        "cost": partial(_read_cost, read=partial(read_cents, form=form, bad="bad_cost", negative="bad_cost")),
    }


def read_duration_of_sale(field: str) -> int:
    """ABSENT: a sale has no duration; anything else than 0 is what columns look like that are shifted."""
    if field == "0" or is_missing(field):
        return ABSENT
    raise Refused("bad_duration")


def type_code(field: str, types: Mapping[str, str]) -> int:
    """The code of a type; `types` maps further words, in the form of `folded_word`, to names of TYPES."""
    word = folded_word(field)
    if word in types:
        return TYPES.index(types[word])
    if word in _TYPE_CODES:
        return _TYPE_CODES[word]
    raise Refused("unknown_type")


def clean_name(text: str) -> str:
    """A name as it is kept: composed, without invisible characters, with one space for each run of space and `_`."""
    name = _SPACES.sub(" ", visible(text)).strip()
    return name if name.isascii() or _has_many_accents(name) else unicodedata.normalize("NFC", name)


def expected(reason: str, layout: Layout, value: str = "") -> str:
    """What was expected in place of the value that makes its row a reject."""
    dialect = layout.dialect
    if reason == "bad_date":
        serial = " (a number of five digits is an Excel serial: write it as a date)"
        return f"a day like {EXAMPLES[dialect.dates]}" + (serial if _EXCEL_SERIAL.fullmatch(value) else "")
    if reason in ("bad_price", "bad_cost"):
        currency = f" in {dialect.currency}" if dialect.currency else ""
        return (
            f"an amount like 1234{dialect.decimal}50{currency}" if dialect.decimal else f"an amount like 1234{currency}"
        )
    if reason == "field_count":
        return f"{layout.fields + dialect.surplus} fields"
    if reason == "bad_encoding":
        return f"text in {dialect.encoding}"
    return _EXPECTED[reason]


_EXPECTED = {
    "record_too_long": f"at most {MAX_RECORD_BYTES:,} bytes",
    "bad_quotes": "each quote to be closed, and a quote within quotes to be doubled",
    "missing_id": "an id",
    "missing_city": "the name of a city",
    "unknown_type": "vente, sale, location, rental, or a word given as one of them",
    "missing_model": "the name of a model",
    "negative_price": "an amount of 0 or more",
    "bad_duration": f"1 to {MAX_MONTHS:,} months on a rental, nothing or 0 on a sale",
}


def _read_id(field: str) -> int:
    if is_missing(field):
        raise Refused("missing_id")
    return 0


def _read_date(field: str, order: Dates) -> int:
    day = read_day(field, order)
    if day is None:
        raise Refused("bad_date")
    return day


def _read_name(field: str, reason: str) -> str:
    name = "" if is_missing(field) else clean_name(field)
    if not name:
        raise Refused(reason)
    return name


def _read_currency(field: str, currency: Currency | None) -> int:
    if not is_missing(field) and CURRENCIES.get(folded_word(field), folded_word(field)) != currency:
        raise Refused("bad_price")
    return ABSENT


def _read_months(field: str) -> int:
    if is_missing(field):
        return ABSENT
    match = _MONTHS.fullmatch(field)
    if not match or int(match[1]) > MAX_MONTHS:
        raise Refused("bad_duration")
    return int(match[1])


def _read_cost(field: str, read: Callable[[str], int]) -> int:
    return ABSENT if is_missing(field) else read(field)


def _has_many_accents(name: str) -> bool:
    accents = 0
    for letter in name:
        accents = accents + 1 if unicodedata.combining(letter) else 0
        if accents > _MAX_ACCENTS:
            return True
    return False
