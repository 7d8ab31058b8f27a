"""Conversion of exact integers and fractions to the decimals that are shown: rounded half-even, once, at the end."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from math import isqrt

_EPOCH = date(1970, 1, 1)


def rounded(value: Fraction | int, digits: int = 2) -> Decimal:
    """Round a number half-even to `digits` decimals."""
    return _quotient(value.numerator, value.denominator, digits)


def money(cents: Fraction | int) -> Decimal:
    """Convert cents to euros."""
    return Decimal(round(cents)).scaleb(-2)


def ratio(part: Fraction | int, whole: Fraction | int, digits: int = 2) -> Decimal | None:
    """`part / whole`; None if `whole` is 0."""
    if not whole:
        return None
    return _quotient(part.numerator * whole.denominator, part.denominator * whole.numerator, digits)


def pct(part: Fraction | int, whole: Fraction | int) -> Decimal | None:
    """`part / whole` in percent; None if `whole` is 0."""
    return ratio(100 * part, whole)


def change_pct(value: Fraction | int | None, before: Fraction | int | None) -> Decimal | None:
    """The change from `before` in percent; None if either is None, or `before` is 0."""
    return None if value is None or before is None else pct(value - before, before)


def mean_money(cents: int, count: int) -> Decimal | None:
    """The mean in euros of `count` amounts, from their sum in cents; None if `count` is 0."""
    return money(Fraction(cents, count)) if count else None


def square_root(square: Fraction, digits: int = 2) -> Decimal:
    """The exact square root, rounded half-even to `digits` decimals."""
    scaled, divisor = square.numerator * 10 ** (2 * digits), square.denominator
    root = isqrt(scaled // divisor)
    above_half = 4 * scaled - (2 * root + 1) ** 2 * divisor  # positive if the exact root is above `root` + 1/2
    return Decimal(root + (above_half > 0 or (above_half == 0 and root % 2 == 1))).scaleb(-digits)


def day_name(day: int) -> str:
    """A day counted from 1970-01-01 as `YYYY-MM-DD`."""
    return (_EPOCH + timedelta(days=day)).isoformat()


@lru_cache(maxsize=4_096)
def month_name(month: int) -> str:
    """A calendar month counted from 1970-01 as `YYYY-MM`."""
    return f"{1970 + month // 12:04}-{month % 12 + 1:02}"


def week_name(week: int) -> str:
    """An ISO week counted from that of 1970-01-01 as `YYYY-Www`, with the ISO year: that of its Thursday."""
    year, number, _ = (_EPOCH + timedelta(weeks=week)).isocalendar()
    return f"{year:04}-W{number:02}"


def quarter_name(quarter: int) -> str:
    """A quarter counted from that of 1970-01 as `YYYY-Qn`."""
    return f"{1970 + quarter // 4:04}-Q{quarter % 4 + 1}"


def _quotient(part: int, whole: int, digits: int) -> Decimal:
    """`part / whole`, rounded half-even to `digits` decimals. Fractions give the same, several times more slowly."""
    if whole < 0:
        part, whole = -part, -whole
    quotient, rest = divmod(part * 10**digits, whole)
    above_half = 2 * rest - whole
    return Decimal(quotient + (above_half > 0 or (above_half == 0 and quotient % 2 == 1))).scaleb(-digits)
