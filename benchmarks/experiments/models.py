"""Models of parallel computing on the same file and functions, next to one process in the same round."""

import time
from contextlib import ExitStack
from pathlib import Path

from benchmarks import answers
from benchmarks.bench import Bench
from benchmarks.costs import Spread, rounded
from benchmarks.machine import cores
from benchmarks.models import MODELS, Run, Work, load, planned
from benchmarks.report import Table, say

_BASE = MODELS[0]


def measure(bench: Bench) -> list[Table]:
    """Wall times, and the speed-ups against one process, on a file of even rows and on one of uneven rows."""
    files = {"even": bench.file(bench.sizes.rows), "uneven": bench.uneven(bench.sizes.form_rows)}
    with ExitStack() as running:
        runs = {name: running.enter_context(load(name).ready(cores())) for name in MODELS}
        return [_table(bench, kind, source, runs) for kind, source in files.items()]


def _table(bench: Bench, kind: str, source: Path, runs: dict[str, Run]) -> Table:
    work = planned(source)
    expected = answers.from_cube(runs[_BASE](work).cube)
    walls: dict[str, list[float]] = {name: [] for name in MODELS}
    for number in range(bench.sizes.rounds + 1):
        for name, run in runs.items():
            walls[name].append(_wall_s(run, work, expected))
        say(f"models, {kind} rows, round {number} of {bench.sizes.rounds}")
    walls = {name: times[1:] for name, times in walls.items()}  # the first round warms up
    lines = []
    for name, times in walls.items():
        ratio = Spread.of(one / own for one, own in zip(walls[_BASE], times, strict=True)).median
        model = {"model": load(name).TITLE, **Spread.of(times).columns("wall s", 3), "speed-up": rounded(ratio, 2)}
        lines.append(model)
    return Table(f"Models of parallel computing, {kind} rows", lines, _note(work, source))


def _wall_s(run: Run, work: Work, expected: object) -> float:
    """The seconds of a run, whose sum must be the expected one."""
    started = time.perf_counter()
    partial = run(work)
    wall_s = time.perf_counter() - started
    if found := answers.difference(expected, answers.from_cube(partial.cube)):
        raise AssertionError(f"another result: {found}")
    return wall_s


def _note(work: Work, source: Path) -> str:
    return (
        f"{source.stat().st_size / 1e6:,.0f} MB in {len(work.plan.batches)} batches, {cores()} workers; the pipeline "
        "has three processes. From the plan to the merged sum, in processes that are up and have loaded the kernel. "
        "Speed-up: against one process in the same round, median of the rounds. All sums were equal."
    )
