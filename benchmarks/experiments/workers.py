"""One job with 1, 2 and 4 workers: three stacks run at the same time and take turns."""

from contextlib import ExitStack
from decimal import Decimal

from benchmarks.bench import Bench
from benchmarks.costs import Spread, rounded
from benchmarks.ours import ColdJob, Stack, running_stack
from benchmarks.report import Table, say

_WORKERS = (1, 2, 4)


def measure(bench: Bench) -> list[Table]:
    """Times of the whole job and from first claim to last commit, and the speed-ups against one worker."""
    source = bench.file(bench.sizes.rows)
    jobs: dict[int, list[ColdJob]] = {workers: [] for workers in _WORKERS}
    with ExitStack() as open_stacks:
        stacks: dict[int, Stack] = {
            workers: open_stacks.enter_context(running_stack(bench.folder, workers, bench.small_file))
            for workers in _WORKERS
        }
        for number in range(bench.sizes.rounds):
            for workers, stack in stacks.items():
                jobs[workers].append(stack.cold_job(source))
            walls = ", ".join(f"{workers}: {runs[-1].cost.wall_s:.2f} s" for workers, runs in jobs.items())
            say(f"workers, round {number + 1} of {bench.sizes.rounds}: {walls}")
    one = jobs[1]
    lines = [
        {
            "workers": workers,
            **Spread.of(job.cost.wall_s for job in runs).columns("wall s", 3),
            "claim to commit s": rounded(Spread.of(job.mapping_s for job in runs).median, 3),
            "speed-up of the job": _speed_up([job.cost.wall_s for job in one], [job.cost.wall_s for job in runs]),
            "speed-up of claim to commit": _speed_up([job.mapping_s for job in one], [job.mapping_s for job in runs]),
        }
        for workers, runs in jobs.items()
    ]
    note = (
        "Claim to commit: from the event that the plan is visible, when all workers are waiting for batches, to the "
        "event of the last commit. Speed-ups are against one worker: medians of the ratios of the rounds."
    )
    return [Table(f"{bench.sizes.rows:,} rows by number of workers", lines, note)]


def _speed_up(one: list[float], several: list[float]) -> Decimal:
    return rounded(Spread.of(alone / shared for alone, shared in zip(one, several, strict=True)).median, 2)
