"""The amounts that are read, by the decimal mark and the currency of the dialect."""

import pytest

from autoconnect.core.amounts import amount_form, read_cents
from autoconnect.core.dialect import Currency, DecimalMark, Dialect
from autoconnect.core.schema import Refused


def cents_of(
    text: str, decimal: DecimalMark | None = ".", currency: Currency | None = "EUR", *, is_given: bool = False
) -> int | str:
    """The cents of an amount, or the reason to refuse it."""
    dialect = Dialect(decimal=decimal, currency=currency, given=("decimal",) if is_given else ())
    try:
        return read_cents(text, amount_form(dialect), "bad", "negative")
    except Refused as refused:
        return refused.reason


def with_comma(text: str) -> str:
    """An amount in which the point and the comma change places."""
    return text.translate(str.maketrans(".,", ",."))


@pytest.mark.parametrize(
    ("text", "cents"),
    [
        ("0", 0),
        ("0.1", 10),
        ("0.05", 5),
        ("007.50", 7_50),
        ("9999999999.99", 999_999_999_999),
        ("0" * 5_000 + "1", 1_00),
        ("12.5000", 12_50),
        ("12.50" + "0" * 5_000, 12_50),
        ("1234.560", 1_234_56),
        ("1,234", 1_234_00),
        ("12,345,678.9", 12_345_678_90),
        ("1,234.560", 1_234_56),
        ("1 234.50", 1_234_50),
        ("1\u00a0234", 1_234_00),
        ("1\u202f234\u202f567", 1_234_567_00),
        ("1'234.50", 1_234_50),
        ("1\u2019234", 1_234_00),
        ("012 345", 12_345_00),
    ],
)
def test_amounts_are_read_to_the_cent_with_either_decimal_mark(text: str, cents: int) -> None:
    assert cents_of(text) == cents
    assert cents_of(with_comma(text), ",") == cents


NO_AMOUNTS = (
    "|x|1.|.5|1.2.3|1.234|12.345|12.5001|1234.567|12,34|1,2345|1234,567|,123|1,234,56|1,234 567|1 234,567|1  234|12 34|"
    "1\t234|1_000|+1|1e3|inf|nan|0x1|٣|²|--1|-1-|- 1|1 -|-|(1|1)|(-1)|((1))|1\n2|10000000000|-10000000000|"
    "1.234.567|99999999999999999999"
)


@pytest.mark.parametrize("text", [*NO_AMOUNTS.split("|"), "9" * 5_000, "1 " * 5_000 + "x"])
def test_anything_else_is_refused_with_either_decimal_mark(text: str) -> None:
    assert cents_of(text) == "bad"
    assert cents_of(with_comma(text), ",") == "bad"


@pytest.mark.parametrize(("text", "cents"), [("12.500", 12_50), ("0.120", 12), ("123.450", 123_45)])
def test_three_decimals_after_few_digits_are_read_only_if_the_decimal_mark_is_given(text: str, cents: int) -> None:
    assert cents_of(text) == "bad"
    assert cents_of(text, is_given=True) == cents
    assert cents_of("12.345", is_given=True) == "bad"


def test_without_a_decimal_mark_only_amounts_without_point_and_comma_are_read() -> None:
    assert [cents_of(text, None) for text in ("12", "1 234", "12.50", "12,50", "1.234")] == [
        *(12_00, 1_234_00),
        *("bad", "bad", "bad"),
    ]


SIGNED = ("-5", "5-", "(5)", "\u22125", "5\u2212", "-0", "-0.00", "-1 234.5", "(9999999999.99)", "-5 €", "€-5", "-€5")


@pytest.mark.parametrize("text", [*SIGNED, "5- €", "5 €-", "(5 €)", "(5) €", "(€5)", "€(5)", "EUR -5"])
def test_negative_amounts_have_a_reason_of_their_own(text: str) -> None:
    assert cents_of(text) == "negative"


@pytest.mark.parametrize("text", ["-x", "-1.234", "-€", "(5", "5)", "-$5", "-5 USD"])
def test_a_sign_makes_nothing_else_negative(text: str) -> None:
    assert cents_of(text) == "bad"


@pytest.mark.parametrize(
    ("currency", "words"),
    [
        ("EUR", ["€", "EUR", "eur", "euro", "Euros"]),
        ("USD", ["$", "USD"]),
        ("GBP", ["£", "GBP"]),
        ("CHF", ["CHF", "chf"]),
    ],
)
def test_the_currency_stands_before_or_after_with_or_without_space(currency: Currency, words: list[str]) -> None:
    for word in words:
        for text in (f"{word}5.5", f"{word} 5.5", f"5.5{word}", f"5.5 {word}", f"5.5\u00a0{word}"):
            assert cents_of(text, currency=currency) == 5_50


@pytest.mark.parametrize("text", ["5 $", "£5", "5 JPY", "5 €€", "€5€", "€ 5 EUR", "€", "5 k€", "5 euro\u017f"])
def test_another_currency_and_two_of_them_are_refused(text: str) -> None:
    assert cents_of(text) == "bad"


def test_in_a_source_without_a_currency_each_is_another_one() -> None:
    assert cents_of("5 €", currency=None) == "bad"
    assert cents_of("5", currency=None) == 5_00
