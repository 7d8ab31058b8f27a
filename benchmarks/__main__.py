"""The command: python -m benchmarks; `make bench` and `make bench-quick` call it."""

import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
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
from benchmarks.experiments import api, deaths, engines, forms, naive, planning, queue, rows, small_job, stages, workers
from benchmarks.machine import commit, cores, machine, versions
from benchmarks.ours import running_stack
from benchmarks.processes import check_system
from benchmarks.report import Table, say, write_between_markers, write_sections

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "performance.md"
README = ROOT / "README.md"

#: In the order of the page.
EXPERIMENTS: dict[str, Callable[[Bench], list[Table]]] = {
    module.__name__.rpartition(".")[2].replace("_", "-"): module.measure
    for module in (engines, stages, workers, rows, small_job, queue, deaths, api, planning, forms, naive)
}
#: Of the first table the README shows so many lines.
_KEY_LINES = 3

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="Small files; done in some four minutes.")] = False,
    only: Annotated[list[str] | None, typer.Option(help=f"Only these of: {', '.join(EXPERIMENTS)}.")] = None,
    rounds: Annotated[int | None, typer.Option(min=1, help="So many rounds, in place of 5.")] = None,
    row_count: Annotated[int | None, typer.Option("--rows", min=1, help="So many rows for all engines.")] = None,
    folder: Annotated[Path, typer.Option(help="Where the files are kept.")] = Path(".autoconnect/bench"),
    write: Annotated[
        bool | None,
        typer.Option(
            help="Write docs/performance.md and the README, with --only these sections; by itself only if full."
        ),
    ] = None,
) -> None:
    """Measures, prints tables, and writes them into the pages."""
    chosen = only or list(EXPERIMENTS)
    if unknown := set(chosen) - set(EXPERIMENTS):
        raise typer.BadParameter(f"{', '.join(unknown)}; expected some of {', '.join(EXPERIMENTS)}")
    given: dict[str, Any] = {
        name: value for name, value in (("rounds", rounds), ("rows", row_count)) if value is not None
    }
    sizes = replace(QUICK if quick else FULL, **given)
    started = datetime.now(UTC)
    with _bench(sizes, folder) as bench:
        tables = list(_measure(bench, chosen))
    took_min = (datetime.now(UTC) - started).total_seconds() / 60
    say(f"done after {took_min:.1f} minutes")
    whole = len(chosen) == len(EXPERIMENTS)
    if write and not whole:
        _write_part(tables, started)
    elif write if write is not None else whole and not quick and not given:
        _write(tables, started)


@contextmanager
def _bench(sizes: Sizes, folder: Path) -> Iterator[Bench]:
    check_system()
    for name in list(os.environ):
        if name.startswith(PREFIX):
            del os.environ[name]  # what somebody has set for another purpose would change what is measured
    warm_up = make_file(folder, SMALL_ROWS)
    with running_stack(folder, cores(), warm_up) as stack:
        yield Bench(sizes, folder, stack)


def _measure(bench: Bench, chosen: Sequence[str]) -> Iterator[Table]:
    for name, measure in EXPERIMENTS.items():
        if name in chosen:
            say(f"{name} ...")
            for table in measure(bench):
                table.show()
                yield table


def _write(tables: Sequence[Table], started: datetime) -> None:
    command = shlex.join(["python", "-m", "benchmarks", *sys.argv[1:]])
    about = [
        f"- When: {started:%Y-%m-%d}, at commit {commit()}",
        f"- Machine: {machine()}",
        f"- Versions: {versions()}",
        f"- Command: `{command}`",
    ]
    write_between_markers(PAGE, "\n".join(about) + "\n\n" + "".join(table.markdown() for table in tables))
    first = tables[0]
    key_lines = replace(first, rows=first.rows[:_KEY_LINES]).markdown().partition("\n\n")[2]
    write_between_markers(README, f"{first.title}; {machine()}:\n\n{key_lines}")
    say(f"{PAGE} and {README} are written")


def _write_part(tables: Sequence[Table], started: datetime) -> None:
    about = f"Measured apart from the rest: {started:%Y-%m-%d}, at commit {commit()}."
    write_sections(PAGE, [replace(table, note=f"{table.note} {about}".strip()).markdown() for table in tables])
    say(f"{PAGE} is written in part")


if __name__ == "__main__":
    try:
        app()
    except AutoConnectError as error:
        say(str(error))
        sys.exit(1)
