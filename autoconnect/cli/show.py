"""Tables and progress in the terminal."""

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table as Grid
from rich.text import Text

from autoconnect.client import Watcher
from autoconnect.core.table import Kind, Table
from autoconnect.models import Job

#: Greatest width of a table, in characters, if the output is not a terminal.
_MAX_WIDTH = 200

#: Control characters, and those that change the direction of writing.
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
#: Kinds of columns that are aligned left; numbers are aligned right.
_LEFT = (Kind.TEXT, Kind.NAME, Kind.DAY, Kind.MONTH)
_STATUS_STYLES = {"completed": "green", "failed": "red", "cancelled": "yellow"}


def console(stderr: bool = False) -> Console:
    """The terminal or, if the output is not a terminal, plain text that is not wrapped at 80 columns."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else _MAX_WIDTH
    # Prints names unchanged, even with `[...]` or `:car:` in them.
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False)


def show_table(out: Console, title: str, table: Table) -> None:
    """Prints a table with a title, numbers aligned right; without rows, prints its note.

    If the table is wider than the terminal, each word of a header gets its own line; cells are never cut.
    """
    out.print(Text(title, style="bold"))
    if not table.rows:
        out.print(table.note or "No rows.", end="\n\n")
        return
    grid = _grid(table, between_words=" ")
    if out.measure(grid, options=out.options.update(width=_MAX_WIDTH)).maximum > out.width:
        grid = _grid(table, between_words="\n")
    out.print(grid, crop=False)


def _grid(table: Table, between_words: str) -> Grid:
    grid = Grid(header_style="bold cyan", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for column in table.columns:
        header = column.name.replace("_", between_words)
        width = max(map(len, [*header.split("\n"), *(_cell(row[column.name]) for row in table.rows)]))
        justify: Literal["left", "right"] = "left" if column.kind in _LEFT else "right"
        grid.add_column(header, justify=justify, min_width=width, no_wrap=True)
    for row in table.rows:
        grid.add_row(*(Text(_cell(row[column.name])) for column in table.columns))
    return grid


def show_job(out: Console, job: Job) -> None:
    """Prints a job in a few lines."""
    rows = job.rows
    style = _STATUS_STYLES.get(job.status, "cyan")
    duration = "" if job.duration_s is None else f" in {job.duration_s:.2f} s"
    out.print(Text.assemble(f"Job {job.id} of {_escaped(job.source)} ", (job.status, style), duration))
    out.print(f"Rows: {rows.read:,} read, {rows.accepted:,} accepted, {rows.rejected:,} rejected", end="")
    out.print(f"; batches: {job.batches.done} of {job.batches.total} done, {job.batches.retried} retried")
    if job.rejected_by_reason:
        out.print("Rejected: " + ", ".join(f"{reason} {count:,}" for reason, count in job.rejected_by_reason.items()))
    if job.error:
        out.print(Text(_escaped(job.error), style=style))


def show_jobs(out: Console, jobs: Sequence[Job]) -> None:
    """Prints jobs, one a line."""
    grid = Grid(header_style="bold cyan")
    for name in ("id", "status", "source", "created", "rows", "rejected", "seconds"):
        grid.add_column(name, justify="right" if name in ("rows", "rejected", "seconds") else "left")
    for job in jobs:
        seconds = "-" if job.duration_s is None else f"{job.duration_s:.2f}"
        created = f"{job.created_at:%Y-%m-%d %H:%M:%S}"
        status = Text(job.status, style=_STATUS_STYLES.get(job.status, "cyan"))
        grid.add_row(job.id, status, job.source, created, f"{job.rows.read:,}", f"{job.rows.rejected:,}", seconds)
    out.print(grid if jobs else "No jobs.")


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
            sys.stderr.write(f"{job.status}: {job.batches.done} of {job.batches.total} batches\n")

    return watch


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return _escaped(value) if isinstance(value, str) else f"{value:,}"


def _escaped(text: str) -> str:
    """Escapes the characters of a text from a file that would control the terminal."""
    return _CONTROL_CHARACTERS.sub(lambda match: ascii(match[0])[1:-1], text)
