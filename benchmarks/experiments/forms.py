"""The same transactions in other forms: what each costs a worker, next to the plain form in the same round."""

from benchmarks.bench import Bench
from benchmarks.costs import Spread, rounded
from benchmarks.data import FORMS
from benchmarks.ours import ColdJob
from benchmarks.report import Table, say


def measure(bench: Bench) -> list[Table]:
    """Nanoseconds of worker CPU per row, and the ratio to the plain file in the same round."""
    rows = bench.sizes.form_rows
    sources = {form: bench.form(rows, form) for form in FORMS}
    jobs: dict[str, list[ColdJob]] = {form: [] for form in FORMS}
    for number in range(bench.sizes.scaling_rounds):
        for form, source in sources.items():
            jobs[form].append(bench.stack.cold_job(source))
        say(f"forms, round {number + 1} of {bench.sizes.scaling_rounds}")
    plain = [_ns_per_row(job) for job in jobs["plain"]]
    lines = []
    for form, runs in jobs.items():
        costs = [_ns_per_row(job) for job in runs]
        ratio = Spread.of(cost / base for cost, base in zip(costs, plain, strict=True)).median
        line = {"form": form, "bytes per row": rounded(sources[form].stat().st_size / rows, 1)}
        lines.append({**line, **Spread.of(costs).columns("worker ns per row", 0), "ratio": rounded(ratio, 2)})
    note = "Worker ns: CPU time of all workers. Ratio: to the plain form in the same round, median of the rounds."
    return [Table(f"{rows:,} rows in other forms", lines, note)]


def _ns_per_row(job: ColdJob) -> float:
    return job.by_service["worker"].cpu_s / job.rows * 1e9
