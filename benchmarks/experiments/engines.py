"""The same cube from the same file by everybody, in turn, round after round; answers are equal or it all fails."""

from collections.abc import Mapping
from typing import Any

from autoconnect.errors import AutoConnectError
from benchmarks import answers, child
from benchmarks.bench import Bench
from benchmarks.costs import Cost, Spread, megabytes, rounded
from benchmarks.engines import load, names
from benchmarks.ours import SERVICES, ColdJob
from benchmarks.report import Table, say

OURS = "AutoConnect"


def measure(bench: Bench) -> list[Table]:
    """Wall, CPU, memory and ratio of each, and our services one by one."""
    source = bench.file(bench.sizes.rows)
    jobs: list[ColdJob] = []
    costs: dict[str, list[Cost]] = {name: [] for name in names()}
    for number in range(bench.sizes.rounds):
        bench.stack.cold_job(bench.small_file)  # as everybody has one just before the clock starts
        jobs.append(bench.stack.cold_job(source))
        expected = bench.stack.answer(jobs[-1])
        for name, runs in costs.items():
            cost, answer = child.run_engine(name, bench.small_file, source)
            runs.append(cost)
            if differs := answers.difference(expected, answer):
                raise AutoConnectError(f"{load(name).TITLE} has another answer: {differs}")
        walls = ", ".join(f"{name} {runs[-1].wall_s:.2f} s" for name, runs in costs.items())
        say(f"round {number + 1} of {bench.sizes.rounds}: {OURS} {jobs[-1].cost.wall_s:.2f} s, {walls}")
    return [_engines(bench.sizes.rows, [job.cost for job in jobs], costs), _services(jobs)]


def _engines(rows: int, ours: list[Cost], costs: Mapping[str, list[Cost]]) -> Table:
    all_costs = {OURS: ours, **{load(name).TITLE: runs for name, runs in costs.items()}}
    lines: list[dict[str, Any]] = [
        {
            "engine": title,
            **Spread.of(cost.wall_s for cost in runs).columns("wall s", 3),
            "CPU s": rounded(Spread.of(cost.cpu_s for cost in runs).median, 3),
            "peak MB": megabytes(max(cost.peak_bytes for cost in runs)),
            **Spread.of((cost.wall_s / mine.wall_s for cost, mine in zip(runs, ours, strict=True))).columns("ratio", 2),
        }
        for title, runs in all_costs.items()
    ]
    note = f"{len(ours)} rounds in turn; ratio = wall time to that of {OURS} in the same round; all answers are equal."
    lines.sort(key=lambda line: line["wall s median"])
    return Table(f"The same cube from {rows:,} rows", lines, note)


def _services(jobs: list[ColdJob]) -> Table:
    total_s = Spread.of(job.cost.cpu_s for job in jobs).median
    lines = []
    for service in SERVICES:
        cpu_s = Spread.of(job.by_service[service].cpu_s for job in jobs).median
        largest = max(job.by_service[service].largest_bytes for job in jobs)
        cpu = {"CPU s": rounded(cpu_s, 3), "CPU %": rounded(100 * cpu_s / total_s, 1)}
        lines.append({"service": service, **cpu, "peak MB": megabytes(largest)})
    note = "Of the jobs above: median of CPU time of all processes of a service, peak of its largest process."
    return Table("Where our CPU and memory go", lines, note)
