"""The command `python -m benchmarks`, which `make bench` and `make bench-quick` call."""

import os
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from autoconnect.errors import AutoConnectError
from autoconnect.settings import PREFIX
from benchmarks.bench import FULL, QUICK, SMALL_ROWS, Bench, Sizes
from benchmarks.data import make_file
from benchmarks.experiments import (
    api,
    dashboard,
    dask,
    deaths,
    engines,
    forms,
    limits,
    models,
    naive,
    planning,
    queue,
    rows,
    small_job,
    stages,
    workers,
)
from benchmarks.machine import commit, cores, machine, versions
from benchmarks.ours import running_stack
from benchmarks.processes import check_system
from benchmarks.report import Table, say, write_between_markers, write_sections

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "performance.md"
CAPACITY = ROOT / "docs" / "capacity.md"
README = ROOT / "README.md"

#: Experiments by name, in the order of the page.
EXPERIMENTS: dict[str, Callable[[Bench], list[Table]]] = {
    module.__name__.rpartition(".")[2].replace("_", "-"): module.measure
    for module in (
        engines,
        dask,
        stages,
        workers,
        rows,
        small_job,
        queue,
        deaths,
        api,
        dashboard,
        planning,
        forms,
        models,
        naive,
        limits,
    )
}
#: Experiments whose tables have a page of their own; those of all others are on PAGE.
_PAGES = {"limits": CAPACITY}
#: Lines of the first table that the README shows.
_KEY_LINES = 3

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="Measure small files; takes about four minutes.")] = False,
    only: Annotated[
        list[str] | None, typer.Option(help=f"Run only this experiment; repeatable. One of: {', '.join(EXPERIMENTS)}.")
    ] = None,
    rounds: Annotated[int | None, typer.Option(min=1, help="Number of rounds; defaults to 5.")] = None,
    row_count: Annotated[
        int | None, typer.Option("--rows", min=1, help="Rows of the file that all engines read.")
    ] = None,
    folder: Annotated[Path, typer.Option(help="Folder of the files that are measured.")] = Path(".autoconnect/bench"),
    write: Annotated[
        bool | None,
        typer.Option(
            help="Write docs/performance.md, docs/capacity.md and the README; with --only, just these sections of the "
            "pages. By default, only a full run with default sizes writes."
        ),
    ] = None,
) -> None:
    """Measure, print tables and write them into the pages."""
    chosen = only or list(EXPERIMENTS)
    if unknown := set(chosen) - set(EXPERIMENTS):
        raise typer.BadParameter(f"{', '.join(unknown)}; expected names out of: {', '.join(EXPERIMENTS)}")
    custom_sizes: dict[str, Any] = {
        name: value for name, value in (("rounds", rounds), ("rows", row_count)) if value is not None
    }
    sizes = replace(QUICK if quick else FULL, **custom_sizes)
    started = datetime.now(UTC)
    with _bench(sizes, folder) as bench:
        tables = {name: list(_measure(bench, name)) for name in EXPERIMENTS if name in chosen}
    took_min = (datetime.now(UTC) - started).total_seconds() / 60
    say(f"done after {took_min:.1f} minutes")
    complete = len(chosen) == len(EXPERIMENTS)
    if write if write is not None else complete and not quick and not custom_sizes:
        for page in (PAGE, CAPACITY):
            _write(page, tables, started)
        if complete:
            _write_key_lines(next(iter(tables.values()))[0])


@contextmanager
def _bench(sizes: Sizes, folder: Path) -> Iterator[Bench]:
    check_system()
    for name in list(os.environ):
        if name.startswith(PREFIX):
            del os.environ[name]  # a setting made for another purpose would change the result
    warm_up = make_file(folder, SMALL_ROWS)
    with running_stack(folder, cores(), warm_up) as stack:
        yield Bench(sizes, folder, stack)


def _measure(bench: Bench, name: str) -> Iterator[Table]:
    say(f"{name} ...")
    for table in EXPERIMENTS[name](bench):
        table.show()
        yield table


def _write(page: Path, tables: Mapping[str, Sequence[Table]], started: datetime) -> None:
    """Write the tables of a page: all of it if all its experiments were measured, otherwise only their sections."""
    names = [name for name in EXPERIMENTS if _PAGES.get(name, PAGE) == page]
    found = [table for name in names for table in tables.get(name, ())]
    if not found:
        return
    if set(names) <= set(tables):
        conditions = [
            f"- Measured: {started:%Y-%m-%d}, at commit {commit()}",
            f"- Machine: {machine()}",
            f"- Versions: {versions()}",
            f"- Command: `{shlex.join(['python', '-m', 'benchmarks', *sys.argv[1:]])}`",
        ]
        write_between_markers(page, "\n".join(conditions) + "\n\n" + "".join(table.markdown() for table in found))
    else:
        condition = f"Measured separately: {started:%Y-%m-%d}, at commit {commit()}."
        write_sections(page, [replace(table, note=f"{table.note} {condition}".strip()).markdown() for table in found])
    say(f"wrote {page}")


def _write_key_lines(first: Table) -> None:
    key_lines = replace(first, rows=first.rows[:_KEY_LINES]).markdown().partition("\n\n")[2]
    write_between_markers(README, f"{first.title}; {machine()}:\n\n{key_lines}")
    say(f"wrote {README}")


if __name__ == "__main__":
    try:
        app()
    except AutoConnectError as error:
        say(str(error))
        sys.exit(1)
