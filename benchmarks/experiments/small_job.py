"""The time of a small job: many of them, one after another, on a warm stack."""

import math

from benchmarks.bench import SMALL_ROWS, Bench
from benchmarks.costs import Spread, rounded
from benchmarks.report import Table


def measure(bench: Bench) -> list[Table]:
    """Milliseconds from POST to completed."""
    jobs = [bench.stack.cold_job(bench.small_file) for _ in range(bench.sizes.small_jobs)]
    times_ms = sorted(job.cost.wall_s * 1_000 for job in jobs)
    spread = Spread.of(times_ms)
    columns = {
        "min ms": spread.least,
        "median ms": spread.median,
        "p99 ms": times_ms[math.ceil(0.99 * len(times_ms)) - 1],
        "max ms": spread.greatest,
    }
    line = {"jobs": len(jobs), **{name: rounded(value, 1) for name, value in columns.items()}}
    note = "From POST to completed, one job after another on a warm stack."
    return [Table(f"Small jobs of {SMALL_ROWS:,} rows", [line], note)]
