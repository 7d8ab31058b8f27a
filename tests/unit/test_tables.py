"""CSV for spreadsheets: numbers stay numbers, and text is never a formula."""

import csv
import io
from decimal import Decimal

import pytest

from autoconnect.core.metrics.base import Value
from autoconnect.tables import table_csv


def cell(value: Value) -> str:
    """The text of a cell that holds `value`, as a CSV reader returns it."""
    header, row = csv.reader(io.StringIO(table_csv(["city", "n"], [{"city": value, "n": 1}]), newline=""))
    assert (header, row[1]) == (["city", "n"], "1")
    return row[0]


@pytest.mark.parametrize(
    "text",
    ["=1+1", '=HYPERLINK("http://x","y")', "+33 1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "-", "=", "=a,b"],
)
def test_text_that_a_spreadsheet_would_evaluate_has_an_apostrophe_before_it(text: str) -> None:
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["Paris", "Aix-en-Provence", "a=1", " =1", "'=1", "", '"=1"', "2024-01", "é"])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert cell(text) == text


@pytest.mark.parametrize(
    ("value", "expected"), [(-5, "-5"), (Decimal("-0.50"), "-0.50"), (Decimal("1E+2"), "1E+2"), (0, "0"), (None, "")]
)
def test_numbers_stay_numbers_and_null_is_empty(value: Value, expected: str) -> None:
    assert cell(value) == expected


def test_rows_follow_the_order_of_the_columns() -> None:
    assert table_csv(["b", "a"], [{"a": 1, "b": "x"}, {"a": 2, "b": "y,z"}]) == 'b,a\r\nx,1\r\n"y,z",2\r\n'
