"""Amounts of money: their forms by the dialect, read to integer cents."""

import re
from functools import cache
from typing import NamedTuple

from autoconnect.core.dialect import Currency, DecimalMark, Dialect
from autoconnect.core.schema import CURRENCIES, Refused, folded_word

#: Digits before the decimal mark: the largest accepted amount is 9,999,999,999.99.
MAX_UNIT_DIGITS = 10

_WORDS = "|".join(re.escape(word) for word in sorted(CURRENCIES, key=len, reverse=True))
_CURRENCY = rf"((?ai:{_WORDS}))"
_MINUS = "[-\u2212]"
_GROUPING = " \u00a0\u202f'\u2019"
#: An amount. Its sign and its currency may each stand before or after the digits, in either order.
_SIGNED = re.compile(
    rf"(?:{_CURRENCY}\s*)?({_MINUS}|\()?(?:{_CURRENCY}\s*)?"
    rf"([0-9](?:[0-9.,{_GROUPING}]*[0-9])?)"
    rf"(?:\s*{_CURRENCY})?({_MINUS}|\))?(?:\s*{_CURRENCY})?"
)
#: The signs before and after an amount, and whether they make it negative.
_SIGNS = {("", ""): False, ("-", ""): True, ("", "-"): True, ("(", ")"): True}


class Amount(NamedTuple):
    """An amount as it is written: its digits with their marks, its currency, and whether it is negative."""

    number: str
    currency: Currency | None
    is_negative: bool


class AmountForm(NamedTuple):
    """How amounts are written: a pattern of their digits, their currency, and whether a decimal mark was given."""

    digits: re.Pattern[str]
    currency: Currency | None
    is_decimal_given: bool


def amount_form(dialect: Dialect) -> AmountForm:
    """The form of amounts in a dialect."""
    return AmountForm(digits_of(dialect.decimal), dialect.currency, "decimal" in dialect.given)


@cache
def digits_of(decimal: DecimalMark | None) -> re.Pattern[str]:
    """The pattern of digits that may be grouped, and of their decimals; without a decimal mark, neither mark may stand.

    Its groups: `units`, `mark` between their groups, and, with a decimal mark, `decimals`.
    """
    decimals, other = "", ""
    if decimal:
        decimals = rf"(?:[{decimal}](?P<decimals>[0-9]+))?"
        other = "," if decimal == "." else "."
    grouped = rf"[0-9]{{1,3}}(?P<mark>[{_GROUPING}{other}])[0-9]{{3}}(?:(?P=mark)[0-9]{{3}})*"
    return re.compile(rf"(?P<units>{grouped}|[0-9]+){decimals}")


def take_apart(text: str) -> Amount | None:
    """The digits, sign and currency of a text; None if it has anything else, two currencies, or two signs."""
    match = _SIGNED.fullmatch(text)
    if not match:
        return None
    outer, before, inner, number, inner_after, after, outer_after = match.groups("")
    is_negative = _SIGNS.get((before.replace("\u2212", "-"), after.replace("\u2212", "-")))
    currencies = [CURRENCIES[folded_word(word)] for word in (outer, inner, inner_after, outer_after) if word]
    if is_negative is None or len(currencies) > 1:
        return None
    return Amount(number, currencies[0] if currencies else None, is_negative)


def read_cents(text: str, form: AmountForm, bad: str, negative: str) -> int:
    """The cents of an amount; raises Refused with the reason `bad`, or `negative`."""
    amount = take_apart(text)
    cents = _read_digits(amount.number, form) if amount else None
    if amount is None or cents is None or amount.currency not in (None, form.currency):
        raise Refused(bad)
    if amount.is_negative:
        raise Refused(negative)
    return cents


def _read_digits(number: str, form: AmountForm) -> int | None:
    match = form.digits.fullmatch(number)
    if not match:
        return None
    groups = match.groupdict("")
    units = groups["units"].replace(groups["mark"], "") if groups["mark"] else groups["units"]
    decimals = groups.get("decimals", "")
    significant = units.lstrip("0")
    if len(significant) > MAX_UNIT_DIGITS or not _are_cents(decimals, len(units) > 3 or form.is_decimal_given):
        return None
    return int((significant or "0") + decimals[:2].ljust(2, "0"))


def _are_cents(decimals: str, may_be_three: bool) -> bool:
    """Whether decimals are whole cents; three of them could be a group of thousands."""
    return not decimals[2:].strip("0") and (len(decimals) != 3 or may_be_three)
