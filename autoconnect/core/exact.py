"""From exact integers and fractions to the decimals that are shown: rounded half-even, once, at the end."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from math import isqrt

_EPOCH = date(1970, 1, 1)


def rounded(value: Fraction | int, digits: int = 2) -> Decimal:
    """A number with `digits` decimals, rounded half-even."""
    return Decimal(round(value * 10**digits)).scaleb(-digits)


def money(cents: Fraction | int) -> Decimal:
    """An amount in euros, from cents."""
    return Decimal(round(cents)).scaleb(-2)


def ratio(part: Fraction | int, whole: Fraction | int, digits: int = 2) -> Decimal | None:
    """`part / whole`, None where the whole is 0."""
    return rounded(Fraction(part, whole), digits) if whole else None


def pct(part: Fraction | int, whole: Fraction | int) -> Decimal | None:
    """`part / whole` in percent, None where the whole is 0."""
    return ratio(100 * part, whole)


def mean_money(cents: int, count: int) -> Decimal | None:
    """The mean of `count` amounts in euros, from the sum of their cents; None where there are none."""
    return money(Fraction(cents, count)) if count else None


def square_root(square: Fraction, digits: int = 2) -> Decimal:
    """The square root with `digits` decimals: the exact root, rounded half-even."""
    scaled = square * 10 ** (2 * digits)
    root = isqrt(int(scaled))
    doubt = scaled - Fraction(2 * root + 1, 2) ** 2  # against the middle between two neighbours
    return Decimal(root + (doubt > 0 or (doubt == 0 and root % 2 == 1))).scaleb(-digits)


def day_name(day: int) -> str:
    """`YYYY-MM-DD` of a day counted from 1970-01-01."""
    return (_EPOCH + timedelta(days=day)).isoformat()


def month_name(month: int) -> str:
    """`YYYY-MM` of a calendar month counted from 1970-01."""
    return f"{1970 + month // 12:04}-{month % 12 + 1:02}"
