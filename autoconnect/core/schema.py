"""The meaning of a row: its columns, the words for a missing value, and the readers of its fields.

Every reader accepts one trimmed field and returns its value, or raises `Refused` with the reason that the user sees.
Money is in integer cents; a day is the number of days since 1970-01-01.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Literal

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
_TYPE_CODES = {"location": RENTAL, "rental": RENTAL, "vente": SALE, "sale": SALE}

#: Words that stand for "no value", besides the empty field.
MISSING = frozenset({"", "NULL", "null", "NaN", "NA", "None", "\\N"})

#: Value of a missing optional field; real values are never negative.
ABSENT = -1

#: Digits before the decimal mark: the largest accepted amount is 9,999,999,999.99.
MAX_UNIT_DIGITS = 10
#: The longest accepted rental, a hundred years.
MAX_MONTHS = 1_200

#: Characters; every column name is shorter. Longer fields keep their accents, since composing takes quadratic time.
_MAX_NAME = 50
_EPOCH = date(1970, 1, 1).toordinal()
_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[T ].*)?", re.DOTALL)
_DIGITS = re.compile(r"[0-9]+")
_SPACES = re.compile(r"[\s_]+")

DecimalMark = Literal[".", ","]


class Refused(Exception):
    """Raised when a field makes its row a reject."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class InputColumn:
    """The header names of a column, and whether every source must have it."""

    names: tuple[str, ...]
    needed: bool = True


COLUMNS: Mapping[str, InputColumn] = {
    "id": InputColumn(("transaction_id", "id")),
    "date": InputColumn(("date",)),
    "city": InputColumn(("ville", "city")),
    "type": InputColumn(("type",)),
    "model": InputColumn(("modele", "modèle", "model")),
    "price": InputColumn(("prix", "price", "montant", "amount")),
    "duration": InputColumn(("duree_location_mois", "durée_location_mois", "rental_months"), needed=False),
    "cost": InputColumn(("cout", "coût", "cost"), needed=False),
}


def header_name(field: str) -> str:
    """Normalize a header field: trimmed, lower case, accents composed unless it is too long to be a known name."""
    name = field.strip()
    return (unicodedata.normalize("NFC", name) if len(name) <= _MAX_NAME else name).lower()


def type_code(field: str) -> int:
    """The code of a type, spelled `vente`, `sale`, `location` or `rental` in any case."""
    try:
        return _TYPE_CODES[field.lower()]
    except KeyError:
        raise Refused("unknown_type") from None


def _read_id(field: str) -> int:
    if field in MISSING:
        raise Refused("missing_id")
    return 0


def _read_date(field: str) -> int:
    if match := _DATE.fullmatch(field):
        with suppress(ValueError):  # the 30th of February, month 13, year 0
            return date(*map(int, match.groups())).toordinal() - _EPOCH
    raise Refused("bad_date")


def _name_reader(reason: str) -> Callable[[str], str]:
    def read(field: str) -> str:
        name = "" if field in MISSING else _SPACES.sub(" ", field).strip()
        if not name:
            raise Refused(reason)
        return name

    return read


def _amount_reader(decimal: DecimalMark, bad: str, negative: str) -> Callable[[str], int]:
    amount = re.compile(rf"(-?)0*([0-9]{{1,{MAX_UNIT_DIGITS}}})(?:[{decimal}]([0-9]{{1,2}}))?")

    def read(field: str) -> int:
        match = amount.fullmatch(field)
        if match is None:
            raise Refused(bad)
        sign, units, hundredths = match.groups("")
        if sign:
            raise Refused(negative)
        return int(units + hundredths.ljust(2, "0"))

    return read


def _read_months(field: str) -> int:
    if field in MISSING:
        return ABSENT
    digits = _DIGITS.fullmatch(field) and field.lstrip("0")
    if not digits or len(digits) > 4 or int(digits) > MAX_MONTHS:
        raise Refused("bad_duration")
    return int(digits)


def readers(decimal: DecimalMark) -> dict[str, Callable[[str], int | str]]:
    """The function that reads a trimmed field of each column, in the order of REASONS.

    `decimal` is the decimal mark of amounts. A missing optional field reads as ABSENT.
    """
    read_cost = _amount_reader(decimal, "bad_cost", "bad_cost")
    return {
        "id": _read_id,
        "date": _read_date,
        "city": _name_reader("missing_city"),
        "type": type_code,
        "model": _name_reader("missing_model"),
        "price": _amount_reader(decimal, "bad_price", "negative_price"),
        "duration": _read_months,
        "cost": lambda field: ABSENT if field in MISSING else read_cost(field),
    }
