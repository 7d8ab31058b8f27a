"""The same cube from the same file by every engine, in turn, round after round; fails unless all answers are equal."""

from collections.abc import Mapping
from typing import Any

from autoconnect.errors import AutoConnectError
from benchmarks import answers, child
from benchmarks.bench import Bench
from benchmarks.costs import Cost, Spread, megabytes, rounded
from benchmarks.engines import load, names
from benchmarks.ours import SERVICES, ColdJob
from benchmarks.report import Table, say

_AUTOCONNECT = "AutoConnect"


def measure(bench: Bench) -> list[Table]:
    """Wall time, CPU, memory and ratio of each engine; CPU and memory of each service of AutoConnect."""
    source = bench.file(bench.sizes.rows)
    jobs: list[ColdJob] = []
    costs: dict[str, list[Cost]] = {name: [] for name in names()}
    for number in range(bench.sizes.rounds):
        bench.stack.cold_job(bench.small_file)  # every engine runs this file just before the clock starts
        jobs.append(bench.stack.cold_job(source))
        expected = bench.stack.answer(jobs[-1])
        for name, runs in costs.items():
            cost, answer = child.run_engine(name, bench.small_file, source)
            runs.append(cost)
            if difference := answers.difference(expected, answer):
                raise AutoConnectError(f"The cube of {load(name).TITLE} differs from AutoConnect's: {difference}.")
        walls = ", ".join(f"{name} {runs[-1].wall_s:.2f} s" for name, runs in costs.items())
        say(f"round {number + 1} of {bench.sizes.rounds}: {_AUTOCONNECT} {jobs[-1].cost.wall_s:.2f} s, {walls}")
    return [_engines(bench.sizes.rows, [job.cost for job in jobs], costs), _services(jobs)]


def _engines(rows: int, job_costs: list[Cost], costs: Mapping[str, list[Cost]]) -> Table:
    all_costs = {_AUTOCONNECT: job_costs, **{load(name).TITLE: runs for name, runs in costs.items()}}
    lines: list[dict[str, Any]] = [
        {
            "engine": title,
            **Spread.of(cost.wall_s for cost in runs).columns("wall s", 3),
            "CPU s": rounded(Spread.of(cost.cpu_s for cost in runs).median, 3),
            "peak MB, all processes": megabytes(max(cost.peak_bytes for cost in runs)),
            **Spread.of(run.wall_s / job.wall_s for run, job in zip(runs, job_costs, strict=True)).columns("ratio", 2),
        }
        for title, runs in all_costs.items()
    ]
    note = (
        f"{len(job_costs)} rounds in turn; all answers are equal. Ratio: wall time divided by that of {_AUTOCONNECT} "
        "in the same round. Peak MB: the peak resident memory (VmHWM) of each process of an engine, added up over all "
        "its processes; memory that processes share counts in each of them. CPU s is the median and peak MB the "
        "maximum of the rounds."
    )
    lines.sort(key=lambda line: line["wall s median"])
    return Table(f"The same cube from {rows:,} rows", lines, note)


def _services(jobs: list[ColdJob]) -> Table:
    total_s = Spread.of(job.cost.cpu_s for job in jobs).median
    lines = []
    for service in SERVICES:
        cpu_s = Spread.of(job.by_service[service].cpu_s for job in jobs).median
        largest = max(job.by_service[service].largest_bytes for job in jobs)
        cpu = {"CPU s": rounded(cpu_s, 3), "CPU %": rounded(100 * cpu_s / total_s, 1)}
        lines.append({"service": service, **cpu, "peak MB, largest process": megabytes(largest)})
    note = (
        "AutoConnect's jobs above. CPU s adds up all processes of a service; median of the jobs. Peak MB is that of "
        "the largest process of a service, not a sum; maximum of the jobs."
    )
    return Table("CPU and memory by service", lines, note)
