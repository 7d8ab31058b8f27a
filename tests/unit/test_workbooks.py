"""Excel workbooks: typed cells that another program reads as JSON has them, and texts that stay texts."""

import io
import re
import tracemalloc
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from autoconnect.core.table import Column, Kind, LazyRows, Row, Table
from autoconnect.errors import SelectionError
from autoconnect.exports import FORMATS, xlsx
from autoconnect.exports.base import CHUNK_ROWS

CITY = Column("city", Kind.NAME, "name")
TYPED = (
    Column("count", Kind.COUNT, "count"),
    Column("money", Kind.MONEY, "CHF"),
    Column("pct", Kind.PERCENT, "%"),
    Column("day", Kind.DAY, "YYYY-MM-DD"),
    Column("month", Kind.MONTH, "YYYY-MM"),
    Column("year", Kind.YEAR, "YYYY"),
    Column("ratio", Kind.RATIO, "ratio"),
)
ROW: Row = {
    "count": 2**53,
    "money": Decimal("-70010847.80"),
    "pct": Decimal("12.30"),
    "day": "1900-01-02",
    "month": "2024-02",
    "year": 2024,
    "ratio": Decimal("0.1234"),
}
EMPTY: Row = dict.fromkeys(ROW)


def book_of(table: Table, **head: object) -> bytes:
    return b"".join(FORMATS["xlsx"].write(table, head))


def sheet_of(book: bytes) -> list[list[Any]]:
    return CalamineWorkbook.from_filelike(io.BytesIO(book)).get_sheet_by_index(0).to_python()


def parts_of(book: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(book)) as parts:
        return {name: parts.read(name).decode() for name in parts.namelist()}


def test_cells_have_the_type_and_the_value_that_json_has() -> None:
    header, empty, full = sheet_of(book_of(Table(TYPED, [EMPTY, ROW])))
    assert header == list(ROW)
    assert full == [2**53, -70010847.8, 12.3, date(1900, 1, 2), "2024-02", 2024, 0.1234]
    assert empty == [""] * len(ROW)


def test_money_shows_the_currency_and_a_percentage_its_sign() -> None:
    styles = parts_of(book_of(Table(TYPED, [ROW])))["xl/styles.xml"]
    assert 'formatCode="#,##0.00 &quot;CHF&quot;"' in styles
    assert 'formatCode="#,##0.00&quot;%&quot;"' in styles


def test_the_header_is_bold_stays_in_view_and_filters_and_columns_are_as_wide_as_their_content() -> None:
    rows: list[Row] = [{"city": "x" * 30}, {"city": "x" * 500}]
    long, short = (parts_of(book_of(Table((CITY,), part)))["xl/worksheets/sheet1.xml"] for part in (rows, rows[:1]))
    assert '<pane ySplit="1" topLeftCell="A2"' in long
    assert '<autoFilter ref="A1:A3"/>' in long
    assert [float(re.findall(r' width="([0-9.]+)"', sheet)[0]) // 1 for sheet in (long, short)] == [60, 31]
    assert "<b/>" in parts_of(book_of(Table((CITY,), rows)))["xl/styles.xml"]


@pytest.mark.parametrize(
    "text",
    [
        *("=1+1", '=HYPERLINK("http://x","y")', "+1", "-1", "@SUM(A1)", "{=1}", "http://example.org", "0012", "1e5"),
        *('Citroën "C3" 🚗\nand a line\r\n', " spaces ", "_x0041_", "\x01\x1f", "]]>", "&amp;"),
        *("<r>a</r>", "<r><t>a</t></r>", "<r></c></row></r>", "<r>", "true", "#N/A", "'=1"),
    ],
)
def test_a_text_stays_the_same_text(text: str) -> None:
    book = book_of(Table((CITY,), [{"city": text}]))
    assert sheet_of(book) == [["city"], [text]]
    parts = parts_of(book)
    assert "<f>" not in parts["xl/worksheets/sheet1.xml"]
    assert "hyperlink" not in parts["xl/worksheets/sheet1.xml"]


def test_a_text_longer_than_a_cell_is_cut_off_between_characters() -> None:
    _, (cell,) = sheet_of(book_of(Table((CITY,), [{"city": "x" + "🚗" * 20_000}])))
    assert cell == "x" + "🚗" * 16_383


@pytest.mark.parametrize("columns", [(CITY,), TYPED])
def test_an_empty_table_has_its_header(columns: tuple[Column, ...]) -> None:
    assert sheet_of(book_of(Table(columns, []))) == [[column.name for column in columns]]


def test_the_same_table_is_the_same_file() -> None:
    head = {"metric": "margins", "computed_at": "2026-11-22T08:45:51.297000Z"}
    first, second = (book_of(Table(TYPED, [ROW]), **head) for _ in range(2))
    assert first == second
    assert CalamineWorkbook.from_filelike(io.BytesIO(first)).sheet_names == ["margins"]
    assert "2026-11-22T08:45:51Z" in parts_of(first)["docProps/core.xml"]


def test_more_rows_than_a_sheet_holds_are_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx, "MAX_ROWS", 2)
    rows: list[Row] = [{"city": "Paris"}] * 3
    assert len(sheet_of(book_of(Table((CITY,), rows[:2])))) == 3
    with pytest.raises(SelectionError, match=r"has 3 rows, .* holds 2 .*format=csv or format=parquet"):
        book_of(Table((CITY,), rows))


def test_a_sheet_holds_as_many_rows_as_excel_says() -> None:
    assert xlsx.MAX_ROWS + 1 == 1_048_576


def test_100_000_rows_need_little_memory_and_leave_no_file(tmp_path: Path) -> None:
    folders: list[Path] = []

    @contextmanager
    def folder() -> Iterator[Path]:
        with TemporaryDirectory(dir=tmp_path) as name:
            folders.append(Path(name))
            yield folders[-1]

    def row(number: int) -> Row:
        return {"count": number, "money": Decimal(number)}

    form = xlsx.format_in(folder)
    b"".join(form.write(Table(TYPED[:2], [ROW]), {}))  # what is loaded once does not count
    tracemalloc.start()
    pieces = form.write(Table(TYPED[:2], LazyRows(range(100_000), row)), {})
    empty, first = 0, b""
    while not first:
        first = next(pieces)
        empty += not first
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert list(tmp_path.iterdir()) == []
    assert empty == 100_000 // CHUNK_ROWS  # others may work in between
    assert peak_bytes < 3 << 20
    rows = sheet_of(first + b"".join(pieces))
    assert [row[0] for row in rows[1:]] == list(range(100_000))
    assert len(folders) == 2


def test_an_error_while_rows_are_made_leaves_no_file(tmp_path: Path) -> None:
    def row(number: int) -> Row:
        return {**ROW, "count": 1 // number}

    form = xlsx.format_in(lambda: TemporaryDirectory(dir=tmp_path))
    with pytest.raises(ZeroDivisionError):
        list(form.write(Table(TYPED, LazyRows(range(3, -1, -1), row)), {}))
    assert list(tmp_path.iterdir()) == []
