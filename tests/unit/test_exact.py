"""Rounding happens once, at the end, half to even, and never in floating point."""

from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoconnect.core.exact import day_name, mean_money, money, month_name, pct, ratio, rounded, square_root


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Fraction(1, 8), "0.12"),
        (Fraction(27, 200), "0.14"),
        (Fraction(-1, 8), "-0.12"),
        (Fraction(-27, 200), "-0.14"),
        (Fraction(1, 200), "0.00"),
        (Fraction(1, 8) + Fraction(1, 10**30), "0.13"),
        (2**63, "9223372036854775808.00"),
    ],
)
def test_a_number_halfway_between_two_decimals_goes_to_the_even_one(value: Fraction | int, shown: str) -> None:
    assert str(rounded(value)) == shown


def test_cents_become_euros() -> None:
    assert str(money(1)) == "0.01"
    assert str(money(Fraction(5, 2))) == "0.02"
    assert str(mean_money(7, 2)) == "0.04"


def test_a_ratio_over_zero_is_null() -> None:
    assert (ratio(1, 0), pct(0, 0), mean_money(0, 0)) == (None, None, None)


def test_shares_are_in_percent() -> None:
    assert pct(1, 3) == Decimal("33.33")
    assert ratio(2, 3, digits=4) == Decimal("0.6667")


@pytest.mark.parametrize(
    ("root", "shown"),
    [("0", "0.00"), ("0.125", "0.12"), ("0.375", "0.38"), ("0.005", "0.00"), ("0.015", "0.02"), ("1.12500001", "1.13")],
)
def test_a_root_halfway_between_two_decimals_goes_to_the_even_one(root: str, shown: str) -> None:
    assert str(square_root(Fraction(root) ** 2)) == shown


@given(st.integers(0, 10**12), st.integers(1, 10**6))
def test_a_root_is_exact_before_it_is_rounded(numerator: int, denominator: int) -> None:
    with localcontext(prec=80):
        expected = (Decimal(numerator) / denominator).sqrt().quantize(Decimal("0.01"), ROUND_HALF_EVEN)
    assert square_root(Fraction(numerator, denominator)) == expected


@pytest.mark.parametrize(
    ("day", "name"), [(0, "1970-01-01"), (-1, "1969-12-31"), (-719_162, "0001-01-01"), (2_932_896, "9999-12-31")]
)
def test_days_before_and_after_1970_have_names(day: int, name: str) -> None:
    assert day_name(day) == name


@pytest.mark.parametrize(("month", "name"), [(0, "1970-01"), (-1, "1969-12"), (-23_628, "0001-01"), (649, "2024-02")])
def test_months_before_and_after_1970_have_names(month: int, name: str) -> None:
    assert month_name(month) == name
