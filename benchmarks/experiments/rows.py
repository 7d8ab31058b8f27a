"""Files with more and more rows: time should grow with the rows, memory should not."""

from decimal import Decimal

from benchmarks.bench import Bench
from benchmarks.costs import Spread, megabytes
from benchmarks.ours import ColdJob
from benchmarks.report import Table, say

_SHOWN = ("worker", "aggregator", "orchestrator", "redis")


def measure(bench: Bench) -> list[Table]:
    """Time in total and per row, and the memory peaks of the services."""
    sources = {rows: bench.file(rows) for rows in bench.sizes.scaling_rows}
    jobs: dict[int, list[ColdJob]] = {rows: [] for rows in sources}
    for number in range(bench.sizes.scaling_rounds):
        for rows, source in sources.items():
            jobs[rows].append(bench.stack.cold_job(source))
        walls = ", ".join(f"{rows:,}: {runs[-1].cost.wall_s:.2f} s" for rows, runs in jobs.items())
        say(f"rows, round {number + 1} of {bench.sizes.scaling_rounds}: {walls}")
    lines = [_line(rows, runs) for rows, runs in jobs.items()]
    note = "MB: the peak of the largest process of a service, not a sum. Redis also holds results of earlier jobs."
    return [Table("Growing files", lines, note)]


def _line(rows: int, jobs: list[ColdJob]) -> dict[str, int | Decimal]:
    wall = Spread.of(job.cost.wall_s for job in jobs)
    cpu_s = Spread.of(job.cost.cpu_s for job in jobs).median
    peaks = {
        f"{service} MB": megabytes(max(job.by_service[service].largest_bytes for job in jobs)) for service in _SHOWN
    }
    per_row = {"wall ns per row": round(wall.median / rows * 1e9), "CPU ns per row": round(cpu_s / rows * 1e9)}
    return {"rows": rows, **wall.columns("wall s", 3), **per_row, **peaks}
