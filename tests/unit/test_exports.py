"""Formats of tables: each writes all rows, in pieces; in CSV, numbers stay numbers and text is never a formula."""

import csv
import io
import json
import subprocess
import sys
from decimal import Decimal
from itertools import product

import pandas
import pytest

from autoconnect.core.table import Column, Kind, Row, Table, Value
from autoconnect.exports import FORMATS
from autoconnect.exports.base import CHUNK_ROWS
from autoconnect.exports.csv import Marks, format_with
from autoconnect.exports.json import ITEMS, read_table, table_json


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


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_a_formula_behind_white_space_or_invisible_characters_has_one_too(sign: str) -> None:
    spaces = ["", " ", "  ", "\t", "\r", "\n", "\x0b", "\x85", "\xa0", "\u2003", "\u2028", "\u202f", "\u3000"]
    invisible = ["", "\ufeff", "\u200b", "\u200e", "\u2060", "\u202e", "\xad", "\x00"]
    for before, hidden, after in product(spaces, invisible, spaces):
        text = f"{before}{hidden}{after}{sign}1+1"
        assert cell(text) == f"'{text}"


@pytest.mark.parametrize(
    "text",
    ["Paris", "Aix-en-Provence", "a=1", " a=1", "\xa01", "\ufeffé", "'=1", "", " ", '"=1"', "2024-01", "é", "1-1"],
)
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
    for form in (FORMATS["json"], FORMATS["csv"]):
        assert len(list(form.write(table, {}))) == max(-(-count // CHUNK_ROWS), 1)
    lines = b"".join(FORMATS["csv"].write(table, {})).decode().split("\r\n")
    assert lines == ["n,price", *(f"{n},{Decimal(n).scaleb(-2)}" for n in range(count)), ""]
    assert read_table(table_json(table), table.columns) == table


@pytest.mark.parametrize("decimal", [".", ","])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_csv_with_other_marks_is_read_back_as_it_was(delimiter: str, decimal: str) -> None:
    texts = ["Paris;Lyon|Nice", 'a "quoted" text, and more', "a line\nbreak\tand a tab", "Citroën 🚗"]
    rows: list[Row] = [{"city": text, "n": -n, "revenue": Decimal("-1234.50")} for n, text in enumerate(texts)]
    form = format_with(Marks(delimiter=delimiter, decimal=decimal))
    text = b"".join(form.write(table_of(["city", "n", "revenue"], rows), {})).decode()
    read = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))
    assert [(row["city"], int(row["n"])) for row in read] == [(row["city"], row["n"]) for row in rows]
    assert {row["revenue"] for row in read} == {f"-1234{decimal}50"}
    frame = pandas.read_csv(io.StringIO(text), sep=delimiter, decimal=decimal)
    assert frame["revenue"].tolist() == [-1234.5] * len(texts)


def test_a_byte_order_mark_comes_once() -> None:
    form = format_with(Marks(bom=True))
    for count in (0, CHUNK_ROWS + 1):
        written = b"".join(form.write(table_of(["n"], [{"n": 1}] * count), {}))
        assert written.decode("utf-8-sig").startswith("n\r\n")
        assert (written[:3], written.count(b"\xef\xbb\xbf")) == (b"\xef\xbb\xbf", 1)


def test_the_library_of_a_format_is_imported_only_when_a_table_is_written() -> None:
    code = "import sys, autoconnect.exports; sys.exit(str({'xlsxwriter', 'pyarrow', 'numpy'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == "set()"


def test_json_has_the_head_before_the_columns_and_exact_decimals() -> None:
    table = table_of(["city", "revenue"], [{"city": "Saint-Étienne", "revenue": Decimal("70010847.80")}])
    document = b"".join(FORMATS["json"].write(table, {"metric": "query"})).decode()
    assert document == (
        '{"metric":"query","columns":["city","revenue"],"rows":[{"city":"Saint-Étienne","revenue":70010847.80}]}'
    )


@pytest.mark.parametrize("count", [0, 1, CHUNK_ROWS, 2 * CHUNK_ROWS + 1])
def test_a_list_has_its_items_before_the_head_and_no_spaces(count: int) -> None:
    rows: list[Row] = [{"model": f"Citroën \u2028 {n}", "transactions": n} for n in range(count)]
    pieces = list(ITEMS.write(table_of(["model", "transactions"], rows), {"next_cursor": None}))
    assert len(pieces) == max(-(-count // CHUNK_ROWS), 1)
    document = {"items": rows, "next_cursor": None}
    assert b"".join(pieces).decode() == json.dumps(document, ensure_ascii=False, separators=(",", ":"))
