"""Conversion of exact integers and fractions to the decimals that are shown: rounded half-even, once, at the end."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from math import isqrt

_EPOCH = date(1970, 1, 1)


def rounded(value: Fraction | int, digits: int = 2) -> Decimal:
    """Round a number half-even to `digits` decimals."""
    return Decimal(round(value * 10**digits)).scaleb(-digits)


def money(cents: Fraction | int) -> Decimal:
    """Convert cents to euros."""
    return Decimal(round(cents)).scaleb(-2)


def ratio(part: Fraction | int, whole: Fraction | int, digits: int = 2) -> Decimal | None:
    """`part / whole`; None if `whole` is 0."""
    return rounded(Fraction(part, whole), digits) if whole else None


def pct(part: Fraction | int, whole: Fraction | int) -> Decimal | None:
    """`part / whole` in percent; None if `whole` is 0."""
    return ratio(100 * part, whole)


def mean_money(cents: int, count: int) -> Decimal | None:
    """The mean in euros of `count` amounts, from their sum in cents; None if `count` is 0."""
    return money(Fraction(cents, count)) if count else None


def square_root(square: Fraction, digits: int = 2) -> Decimal:
    """The exact square root, rounded half-even to `digits` decimals."""
    scaled = square * 10 ** (2 * digits)
    root = isqrt(int(scaled))
    above_half = scaled - Fraction(2 * root + 1, 2) ** 2  # positive if the exact root is above `root` + 1/2
    return Decimal(root + (above_half > 0 or (above_half == 0 and root % 2 == 1))).scaleb(-digits)


def day_name(day: int) -> str:
    """A day counted from 1970-01-01 as `YYYY-MM-DD`."""
    return (_EPOCH + timedelta(days=day)).isoformat()


def month_name(month: int) -> str:
    """A calendar month counted from 1970-01 as `YYYY-MM`."""
    return f"{1970 + month // 12:04}-{month % 12 + 1:02}"
