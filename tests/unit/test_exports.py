"""Formats of tables: each writes all rows, in pieces; in CSV, numbers stay numbers and text is never a formula."""

import csv
import io
from decimal import Decimal

import pytest

from autoconnect.core.table import Column, Kind, Row, Table, Value
from autoconnect.exports import FORMATS
from autoconnect.exports.base import CHUNK_ROWS
from autoconnect.exports.json import read_table, table_json


def table_of(names: list[str], rows: list[Row], note: str | None = None) -> Table:
    return Table(tuple(Column(name, Kind.TEXT, "") for name in names), rows, note)


def table_csv(names: list[str], rows: list[Row]) -> str:
    return b"".join(FORMATS["csv"].write(table_of(names, rows), {})).decode()


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


@pytest.mark.parametrize("count", [0, 1, CHUNK_ROWS, CHUNK_ROWS + 1, 3 * CHUNK_ROWS])
def test_all_rows_are_written_in_pieces(count: int) -> None:
    table = table_of(["n", "price"], [{"n": n, "price": Decimal(n).scaleb(-2)} for n in range(count)], "a note")
    for form in FORMATS.values():
        assert len(list(form.write(table, {}))) == max(-(-count // CHUNK_ROWS), 1)
    lines = b"".join(FORMATS["csv"].write(table, {})).decode().split("\r\n")
    assert lines == ["n,price", *(f"{n},{Decimal(n).scaleb(-2)}" for n in range(count)), ""]
    assert read_table(table_json(table), table.columns) == table


def test_json_has_the_head_before_the_columns_and_exact_decimals() -> None:
    table = table_of(["city", "revenue"], [{"city": "Saint-Étienne", "revenue": Decimal("70010847.80")}])
    document = b"".join(FORMATS["json"].write(table, {"metric": "query"})).decode()
    assert document == (
        '{"metric": "query", "columns": ["city", "revenue"], '
        '"rows": [{"city": "Saint-\\u00c9tienne", "revenue": 70010847.80}]}'
    )
