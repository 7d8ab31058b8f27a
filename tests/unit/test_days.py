"""The dates that are read in each order of day, month and year."""

from datetime import date

import pytest

from autoconnect.core.days import EXAMPLES, is_day, is_in_other_order, read_day
from autoconnect.core.dialect import Dates

ORDERS = tuple(EXAMPLES)


def day_of(text: str, order: Dates) -> date | None:
    day = read_day(text, order)
    return None if day is None else date.fromordinal(date(1970, 1, 1).toordinal() + day)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    "text",
    [
        *("2024-02-01", "2024/02/01", "2024.02.01", "2024-2-1", "20240201"),
        *("2024-02-01T10:00:00Z", "2024-2-1 at\nnoon", "20240201T10", "2024/02/01\u00a0x"),
    ],
)
def test_a_year_of_four_digits_may_always_come_first(text: str, order: Dates) -> None:
    assert day_of(text, order) == date(2024, 2, 1)


@pytest.mark.parametrize(
    ("text", "order", "day"),
    [
        ("01/02/2024", "dmy", date(2024, 2, 1)),
        ("01/02/2024", "mdy", date(2024, 1, 2)),
        ("1.2.2024 10:00", "dmy", date(2024, 2, 1)),
        ("1-2-2024T", "mdy", date(2024, 1, 2)),
        ("31/01/2024", "dmy", date(2024, 1, 31)),
        ("01/31/2024", "mdy", date(2024, 1, 31)),
        ("01/02/24", "dmyy", date(2024, 2, 1)),
        ("01/02/24", "mdyy", date(2024, 1, 2)),
        ("1-2-00", "dmyy", date(2000, 2, 1)),
        ("24-02-01", "yymd", date(2024, 2, 1)),
        ("69/2/1", "yymd", date(2069, 2, 1)),
    ],
)
def test_day_and_month_are_read_by_the_order_of_the_dialect(text: str, order: Dates, day: date) -> None:
    assert day_of(text, order) == day


@pytest.mark.parametrize("order", ORDERS)
def test_the_example_of_each_order_is_a_day(order: Dates) -> None:
    assert day_of(EXAMPLES[order], order) == date(2024, 1, 31)
    assert is_day(EXAMPLES[order])


@pytest.mark.parametrize(
    ("text", "order"),
    [
        *(("01/02/2024", "ymd"), ("01/02/2024", "yymd"), ("01/02/2024", "dmyy"), ("01/02/2024", "mdyy")),
        *(("01/02/24", "ymd"), ("01/02/24", "dmy"), ("01/02/24", "mdy"), ("24-02-01", "ymd")),
        *(("01/02/70", "dmyy"), ("70-02-01", "yymd"), ("01/02/99", "mdyy")),
        *(("31/01/2024", "mdy"), ("01/31/2024", "dmy"), ("31/04/2024", "dmy"), ("29/02/2023", "dmy")),
    ],
)
def test_a_date_in_another_form_than_that_of_the_dialect_is_none(text: str, order: Dates) -> None:
    assert day_of(text, order) is None


NO_DATES = (
    "|2023-02-29|1900-02-29|2024-04-31|2024-13-01|2024-00-10|2024-01-00|0000-01-01|2024-001-01|2024-01-001|202401|45292|"
    "2024/01-01|01/02-2024|2024 01 01|2024-01-01t10|2024-01-01Z|20240101Z|-2024-01-01|10000-01-01|2024-W01-1|1/2/20244|"
    "001/02/2024|٢٠٢٤-01-01|2024-01"
)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("text", NO_DATES.split("|"))
def test_anything_else_is_no_date_in_any_order(text: str, order: Dates) -> None:
    assert day_of(text, order) is None
    assert not is_day(text)


@pytest.mark.parametrize(
    ("text", "is_read"),
    [("1900-01-01", False), ("1900-01-02", True), ("2099-12-30", True), ("2099-12-31", False), ("9999-12-31", False)],
)
def test_days_that_stand_for_no_date_are_none(text: str, is_read: bool) -> None:
    assert (day_of(text, "dmy") is not None) == is_read


@pytest.mark.parametrize(
    ("text", "order", "is_other"),
    [
        ("01/31/2024", "dmy", True),
        ("31/01/2024 10:00", "mdy", True),
        ("32/01/2024", "mdy", False),
        ("01/31/9999", "dmy", False),
        ("31/01/2024", "ymd", False),
        ("x", "dmy", False),
    ],
)
def test_dates_that_are_possible_only_in_the_other_order_are_told(text: str, order: Dates, is_other: bool) -> None:
    assert is_in_other_order(text, order) == is_other
