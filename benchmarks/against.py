"""Compares jobs of this checkout with those of another one: `python -m benchmarks.against ../other`.

The other one is a working tree of another commit (`git worktree add ../other COMMIT`) in which `make .venv/.bench` has
been run. Both stacks are up at the same time, and their jobs take turns, so that the machine is the same for both.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from autoconnect.settings import PREFIX
from benchmarks.__main__ import PAGE, ROOT
from benchmarks.bench import SMALL_ROWS
from benchmarks.costs import Spread, rounded
from benchmarks.data import make_file
from benchmarks.machine import commit, cores
from benchmarks.report import Table, write_sections

#: Runs in either checkout, so it uses only what both of them have: it prints the cost of a job for each line it reads.
_JOBS = """
import json, sys
from pathlib import Path
from benchmarks.ours import running_stack
folder, workers, warm_up = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
with running_stack(folder, workers, folder / warm_up) as stack:
    print("ready", flush=True)
    for line in sys.stdin:
        job = stack.cold_job(folder / line.strip())
        print(json.dumps([job.cost.wall_s, job.cost.cpu_s, job.by_service["worker"].cpu_s]), flush=True)
"""
_COSTS = ("wall ms", "CPU ms, all services", "CPU ms, workers")

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    other: Annotated[Path, typer.Argument(help="The other checkout.", exists=True, file_okay=False)],
    *,
    rows: Annotated[int, typer.Option(min=1, help="Rows of the large job.")] = 20_000_000,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of large jobs; small ones get five times as many.")] = 10,
    folder: Annotated[Path, typer.Option(help="Folder of the files.")] = ROOT / ".autoconnect" / "bench",
    write: Annotated[bool, typer.Option("--write", help="Write the table into docs/performance.md.")] = False,
) -> None:
    """Run a large job and a small one in turn, and print what they cost."""
    small, large = (make_file(folder.resolve(), count) for count in (SMALL_ROWS, rows))
    with ExitStack() as running:
        checkouts = [running.enter_context(_jobs(checkout, small)) for checkout in (other.resolve(), ROOT)]
        lines = [*_lines(checkouts, large, rows, rounds), *_lines(checkouts, small, SMALL_ROWS, 5 * rounds)]
    note = (
        f"Ratio: after to before in the same round. Before: commit {commit(other)}; after: commit {commit(ROOT)}. "
        f"Measured separately: {datetime.now(UTC):%Y-%m-%d}."
    )
    table = Table("Jobs before and after a change", lines, note)
    table.show()
    if write:
        write_sections(PAGE, [table.markdown()])


def _lines(
    checkouts: Sequence["subprocess.Popen[str]"], source: Path, rows: int, rounds: int
) -> Iterator[dict[str, Any]]:
    costs: list[list[list[float]]] = [[], []]
    for number in range(rounds + 1):
        for which in (0, 1) if number % 2 else (1, 0):
            cost = _ask(checkouts[which], source.name)
            if number:  # the first round warms up
                costs[which].append(cost)
    for index, name in enumerate(_COSTS):
        before, after = ([1_000 * cost[index] for cost in each] for each in costs)
        ratios = Spread.of(new / old for old, new in zip(before, after, strict=True))
        yield {
            "job": f"{rows:,} rows",
            "cost": name,
            "before, median": rounded(Spread.of(before).median, 1),
            "after, median": rounded(Spread.of(after).median, 1),
            **ratios.columns("ratio", 2),
        }


@contextmanager
def _jobs(checkout: Path, warm_up: Path) -> Iterator["subprocess.Popen[str]"]:
    """A running stack of a checkout, which does a job for each line that it is sent."""
    python = str(checkout / ".venv" / "bin" / "python")
    command = [python, "-c", _JOBS, str(warm_up.parent), str(cores()), warm_up.name]
    plain = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    with subprocess.Popen(
        command, cwd=checkout, env=plain, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        if process.stdout.readline() != "ready\n":
            raise typer.BadParameter(f"the stack of {checkout} does not start; its messages are above")
        yield process
        process.stdin.close()


def _ask(process: "subprocess.Popen[str]", source: str) -> list[float]:
    assert process.stdin
    assert process.stdout
    process.stdin.write(f"{source}\n")
    process.stdin.flush()
    cost: list[float] = json.loads(process.stdout.readline())
    return cost


if __name__ == "__main__":
    sys.exit(app())
