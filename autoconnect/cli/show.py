"""Tables and progress in the terminal."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from textwrap import wrap
from typing import Literal, Self

import simplejson
from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table as Grid
from rich.text import Text

from autoconnect.client import Watcher
from autoconnect.core.table import Column, Kind, Row, Table
from autoconnect.logs import printable, say
from autoconnect.models import Job, JobDialect

#: Width of output that need not fit a terminal, in characters.
_UNLIMITED = 1_000_000
#: Lines of a terminal. Nothing depends on them, but rich ignores the width of a simple terminal without them.
_HEIGHT = 25
#: Columns that a narrow terminal does without, the least important first.
LESS_IMPORTANT = (
    *("file", "raw", "cost", "seconds", "rejected", "rows", "rental_revenue_pct", "rentals_pct", "average_rental"),
    *("first_date_before", "last_date_before", "average_ticket_before", "sales_before", "rentals_before"),
    *("transactions_before", "rentals_change_pct", "sales_change_pct"),
    *("average_sale", "best_month", "rows_read", "rows_rejected", "std_months", "min_months", "max_months", "r2"),
    *("months_used", "rental_revenue", "sales_revenue", "rentals", "sales", "seasonal_index", "transactions"),
    *("average_ticket", "average_ticket_change_pct", "transactions_change_pct", "models", "cities", "revenue_before"),
)
#: A text is cut to this many characters before a column is left out, and to fewer only if that is not enough.
_LONG_TEXT, _SHORT_TEXT = 24, 8
#: Kinds of columns that are aligned left; numbers are aligned right.
_LEFT = (Kind.TEXT, Kind.NAME, Kind.DAY, Kind.MONTH)
_STATUS_STYLES = {"completed": "green", "failed": "red", "cancelled": "yellow"}


def console(stderr: bool = False, wide: bool = False) -> Console:
    """The terminal; if the output is not a terminal, or should be `wide`, lines are as long as they need to be."""
    stream = sys.stderr if stderr else sys.stdout
    width, height = (None, None) if stream.isatty() and not wide else (_UNLIMITED, _HEIGHT)
    # Prints names unchanged, even with `[...]` or `:car:` in them.
    return Console(file=stream, width=width, height=height, highlight=False, markup=False, emoji=False)


def print_json(document: object) -> None:
    """Prints one JSON object with exact decimals, in ASCII: a terminal may not have every letter."""
    sys.stdout.write(simplejson.dumps(document, use_decimal=True) + "\n")


def show_table(out: Console, title: str, table: Table) -> None:
    """Prints a table with a title, numbers aligned right; without rows, prints its note.

    If it is wider than the terminal, headers get several lines, long texts are cut, and less important columns are left
    out. Numbers are never cut.
    """
    out.print(_text(title, "bold"))
    if not table.rows:
        out.print(_text(table.note or "No rows."), end="\n\n")
        return
    _print_columns(out, [_Column.of(column, table.rows) for column in table.columns])


@dataclass
class _Column:
    """A column as it is shown; `width` is the number of characters that its cells get, and `cut` if they need more."""

    name: str
    cells: Sequence[Text]
    left: bool = True
    is_text: bool = False
    cut: bool = False

    def __post_init__(self) -> None:
        self.header = printable(self.name).replace("_", " ")
        self.width = max(cell_len(word) for word in [*self.header.split(" "), *(cell.plain for cell in self.cells)])

    @classmethod
    def of(cls, column: Column, rows: Sequence[Row]) -> Self:
        cells = [Text(_cell(row[column.name])) for row in rows]
        return cls(column.name, cells, column.kind in _LEFT, column.kind in (Kind.TEXT, Kind.NAME))

    @property
    def least_width(self) -> int:
        return min(self.width, _LONG_TEXT) if self.is_text else self.width

    def cut_to(self, width: int) -> None:
        self.cut |= width < self.width
        self.width = min(self.width, width)

    def header_lines(self, width: int) -> list[str]:
        return wrap(self.header, width, break_long_words=False, break_on_hyphens=False)

    def width_for_fewer_lines(self) -> int:
        """The least width at which the header has fewer lines than now."""
        lines = len(self.header_lines(self.width))
        return next(width for width in count(self.width) if len(self.header_lines(width)) < max(lines, 2))


def _print_columns(out: Console, columns: Sequence[_Column]) -> None:
    """Prints columns within the width of the terminal, and a line that says what is left out for that."""
    kept = _fitting(columns, out.width)
    _widen(kept, out.width)
    grid = Grid(header_style="bold cyan", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for column in kept:
        header = Text("\n".join(column.header_lines(column.width)))
        justify: Literal["left", "right"] = "left" if column.left else "right"
        grid.add_column(header, justify=justify, min_width=column.width, max_width=column.width, no_wrap=True)
    for row in zip(*(column.cells for column in kept), strict=True):
        grid.add_row(*row)
    out.print(grid, crop=False)
    left_out = [column.header for column in columns if column not in kept]
    if any(column.cut for column in kept):
        left_out.append("long texts in full")
    if left_out:
        out.print(_text(f"--wide also shows {', '.join(left_out)}.", "dim"), end="\n\n")


def _fitting(columns: Sequence[_Column], width: int) -> Sequence[_Column]:
    """The columns that fit, with their texts cut as far as that is necessary."""
    kept = list(columns)
    for name in LESS_IMPORTANT:
        if _total(column.least_width for column in kept) <= width:
            break
        kept = [column for column in kept if column.name != name]
    texts = [column for column in kept if column.is_text]
    while texts and (excess := _total(column.width for column in kept) - width) > 0:
        widest = max(texts, key=lambda column: column.width)
        if widest.width <= _SHORT_TEXT:
            break
        widest.cut_to(max(widest.width - excess, widest.width // 2, _SHORT_TEXT))
    return kept


def _widen(columns: Sequence[_Column], width: int) -> None:
    """Give space that is left to the columns with the highest headers, as long as that makes them lower."""
    while True:
        highest = max(columns, key=lambda column: len(column.header_lines(column.width)))
        wanted = highest.width_for_fewer_lines()
        spare = width - _total(column.width for column in columns)
        if not highest.width < wanted <= highest.width + spare:
            return
        highest.width = wanted


def _total(widths: Iterable[int]) -> int:
    """The width of a table: each column has two spaces beside it."""
    return sum(width + 2 for width in widths)


def show_job(out: Console, job: Job) -> None:
    """Prints a job in a few lines."""
    rows = job.rows
    style = _STATUS_STYLES.get(job.status, "cyan")
    duration = "" if job.duration_s is None else f" in {job.duration_s:.2f} s"
    out.print(Text.assemble(_text(f"Job {job.id} of {job.source} "), (job.status, style), duration))
    out.print(f"Rows: {rows.read:,} read, {rows.accepted:,} accepted, {rows.rejected:,} rejected", end="")
    out.print(f"; batches: {job.batches.done} of {job.batches.total} done, {job.batches.retried} retried")
    if job.rejected_by_reason:
        counts = ", ".join(f"{reason} {count:,}" for reason, count in job.rejected_by_reason.items())
        out.print(_text(f"Rejected: {counts}"))
    if job.dialect:
        out.print(_text(f"Read as: {_parts(job.dialect)}"))
    for note in job.notes:
        out.print(_text(f"Note: {note.message}"))
    if job.error:
        out.print(_text(job.error, style))


def _parts(dialect: JobDialect) -> str:
    """The parts of a dialect in a line."""
    parts = dialect.model_dump(exclude={"columns", "types"}, exclude_none=True)
    return ", ".join(f"{name} {shown_part(value)}" for name, value in parts.items())


def shown_part(value: object) -> str:
    """A part of a dialect as it is shown."""
    return "tab" if value == "\t" else str(value)


def show_jobs(out: Console, jobs: Sequence[Job]) -> None:
    """Prints jobs, one a line."""
    if not jobs:
        out.print("No jobs.")
        return
    seconds = ["-" if job.duration_s is None else f"{job.duration_s:.2f}" for job in jobs]
    columns = [
        _Column("id", [_text(job.id) for job in jobs]),
        _Column("status", [_text(job.status, _STATUS_STYLES.get(job.status, "cyan")) for job in jobs]),
        _Column("source", [_text(job.source) for job in jobs], is_text=True),
        _Column("created", [Text(f"{job.created_at:%Y-%m-%d %H:%M:%S}") for job in jobs]),
        _Column("rows", [Text(f"{job.rows.read:,}") for job in jobs], left=False),
        _Column("rejected", [Text(f"{job.rows.rejected:,}") for job in jobs], left=False),
        _Column("seconds", [Text(number) for number in seconds], left=False),
    ]
    _print_columns(out, columns)


@contextmanager
def progress(quiet: bool = False) -> Iterator[Watcher]:
    """Shows progress on standard error: a bar on a terminal, otherwise a line for each new status."""
    if quiet:
        yield lambda job: None
    elif sys.stderr.isatty():
        with _bar() as bar:
            task = bar.add_task("queued", total=None)
            yield lambda job: bar.update(
                task, description=job.status, completed=job.batches.done, total=job.batches.total or None
            )
    else:
        yield _lines()


def _bar() -> Progress:
    columns = (TextColumn("{task.description:>9}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console(stderr=True), transient=True)


def _lines() -> Watcher:
    last_status = ""

    def watch(job: Job) -> None:
        nonlocal last_status
        if job.status != last_status:
            last_status = job.status
            say(f"{job.status}: {job.batches.done} of {job.batches.total} batches")

    return watch


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return printable(value) if isinstance(value, str) else f"{value:,}"


def _text(text: str, style: str = "") -> Text:
    """A text from anywhere: it neither controls the terminal nor counts as markup."""
    return Text(printable(text), style=style)
