"""Excel workbooks: typed cells, a bold header that stays in view, a filter, widths as the content needs. No formulas.

A workbook is built in a temporary file: neither its rows nor the file are ever in memory as a whole.
"""

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from datetime import date, datetime
from functools import cached_property, partial
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO, TYPE_CHECKING, Any

from autoconnect.core.table import Column, Kind, Table, Value
from autoconnect.errors import SelectionError
from autoconnect.exports.base import Format, chunks

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.worksheet import Worksheet

#: Makes a folder that is removed after its block, such as `TemporaryDirectory`.
MakeFolder = Callable[[], AbstractContextManager[Any]]

#: Rows of a sheet, without its header.
MAX_ROWS = (1 << 20) - 1
#: UTF-16 units that a cell holds; the rest of a longer text is cut off.
_MAX_UNITS = 32_767
#: Characters of the widest column.
_MAX_WIDTH = 60
#: Characters that the button of the filter covers.
_BUTTON_WIDTH = 3
#: Bytes of a piece of the file.
_PIECE_BYTES = 256 << 10

#: How a column's numbers are shown. A percentage is the number 0 to 100 itself, followed by the sign.
_SHOWN: Mapping[Kind, str] = {
    Kind.COUNT: "#,##0",
    Kind.RANK: "0",
    Kind.MONEY: "#,##0.00",
    Kind.PERCENT: '#,##0.00"%"',
    Kind.RATIO: "0.00##",
    Kind.DURATION: "General",
    Kind.DAY: "yyyy-mm-dd",
    Kind.YEAR: "0",
}


def format_in(folder: MakeFolder) -> Format:
    """The format whose files are built in a folder of its own."""
    return replace(FORMAT, write=partial(_write, folder=folder))


def write_book(
    sheets: Mapping[str, Callable[[], Table]], computed_at: object, folder: MakeFolder = TemporaryDirectory
) -> Iterator[bytes]:
    """A workbook with sheets in this order; their tables are made one at a time, the last sheet's first.

    Its first pieces, while it is built, are empty.

    `computed_at` is its time of creation, as ISO 8601; None for now. Raises SelectionError if a table has more rows
    than a sheet holds, OSError if the file cannot be stored.
    """
    with (yield from _built(sheets, computed_at, folder)) as file:
        file.seek(0)
        while piece := file.read(_PIECE_BYTES):
            yield piece


def _write(table: Table, head: Mapping[str, object], folder: MakeFolder = TemporaryDirectory) -> Iterator[bytes]:
    return write_book({str(head.get("metric", "rows")): lambda: table}, head.get("computed_at"), folder)


def _built(
    sheets: Mapping[str, Callable[[], Table]], computed_at: object, folder: MakeFolder
) -> Generator[bytes, None, IO[bytes]]:
    """The file, which has no name: it is read after the folder is gone, and ends with the process."""
    with folder() as path, ExitStack() as undo:
        file = undo.enter_context(TemporaryFile(dir=path))
        yield from _build(file, str(path), sheets, computed_at)
        undo.pop_all()
        return file


def _build(
    file: IO[bytes], path: str, sheets: Mapping[str, Callable[[], Table]], computed_at: object
) -> Iterator[bytes]:
    from xlsxwriter import Workbook
    from xlsxwriter.exceptions import FileCreateError

    book = Workbook(file, {"constant_memory": True, "tmpdir": path})
    if computed_at:  # the same table is the same file, whenever it is written
        book.set_properties({"created": datetime.fromisoformat(str(computed_at))})
    pages = [(_Page(book, name), make) for name, make in sheets.items()]
    try:
        for page, make in reversed(pages):
            yield from page.fill(make())
        book.close()
    except FileCreateError as error:
        raise error.args[0] from None
    finally:
        for page, _ in pages:
            page.sheet._opt_close()  # it stays open after an error


class _Page:
    """A sheet that is filled row by row."""

    def __init__(self, book: "Workbook", name: str) -> None:
        self.sheet: Worksheet = book.add_worksheet(name)
        self._book = book
        self._widths: list[int] = []

    def fill(self, table: Table) -> Iterator[bytes]:
        """Write the table; yields nothing (an empty piece) after each chunk of rows."""
        if len(table.rows) > MAX_ROWS:
            raise SelectionError(
                "format",
                f"{self.sheet.name} has {len(table.rows):,} rows, and a sheet of Excel holds {MAX_ROWS:,} below its "
                "header; take format=csv or format=parquet, or select fewer rows.",
            )
        self._widths = [len(name) + _BUTTON_WIDTH for name in table.names]
        for place, name in enumerate(table.names):
            self.sheet.write_string(0, place, name, self._bold)
        columns = [(place, column, self._shown_as(column)) for place, column in enumerate(table.columns)]
        for rows in chunks(enumerate(table.rows, 1)):
            for number, row in rows:
                for place, column, shown_as in columns:
                    self._put(number, place, row[column.name], shown_as)
            yield b""
        self._arrange(table)

    def _put(self, row: int, place: int, value: Value, shown_as: Any) -> None:
        if value is None:
            return
        if not isinstance(value, str):
            self.sheet.write_number(row, place, value, shown_as)
            width = len(f"{value:,}") + len(shown_as.num_format) - shown_as.num_format.rfind("0")
        elif shown_as.num_format == _SHOWN[Kind.DAY]:
            self.sheet.write_datetime(row, place, date.fromisoformat(value), shown_as)
            width = len(value) + 1
        else:
            self._put_text(row, place, value)
            width = len(value) + 1
        self._widths[place] = max(self._widths[place], width)

    def _put_text(self, row: int, place: int, text: str) -> None:
        if 2 * len(text) > _MAX_UNITS:
            text = text.encode("utf-16-le")[: 2 * _MAX_UNITS].decode("utf-16-le", "ignore")
        if text.startswith("<r>"):  # xlsxwriter takes it for markup, unless it marks it up itself
            self.sheet.write_rich_string(row, place, text[:1], self._plain, text[1:])
        else:
            self.sheet.write_string(row, place, text)

    def _arrange(self, table: Table) -> None:
        for place, width in enumerate(self._widths):
            self.sheet.set_column(place, place, min(width, _MAX_WIDTH))
        self.sheet.autofilter(0, 0, len(table.rows), max(len(self._widths) - 1, 0))
        self.sheet.freeze_panes(1, 0)

    def _shown_as(self, column: Column) -> Any:
        """The format of a column's numbers or days; money is shown with the column's currency."""
        shown = _SHOWN.get(column.kind, "General")
        if column.kind is Kind.MONEY and column.unit:
            shown = f'{shown} "{column.unit}"'
        return self._book.add_format({"num_format": shown})

    @cached_property
    def _bold(self) -> Any:
        return self._book.add_format({"bold": True})

    @cached_property
    def _plain(self) -> Any:
        return self._book.add_format()


FORMAT = Format("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ".xlsx", _write)
