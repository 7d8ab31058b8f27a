"""One job with each engine of the services, and Dask's own data frames on the same file, in turn."""

from contextlib import ExitStack
from typing import Any

from autoconnect.errors import AutoConnectError
from benchmarks import answers, child
from benchmarks.bench import Bench
from benchmarks.costs import Cost, Spread, megabytes, rounded
from benchmarks.engines import load
from benchmarks.machine import cores
from benchmarks.ours import ColdJob, running_stack
from benchmarks.report import Table, say

_DATA_FRAME = "dask"
_REDIS, _DASK = "AutoConnect, engine redis", "AutoConnect, engine dask"


def measure(bench: Bench) -> list[Table]:
    """Wall time, CPU and memory of both engines and of Dask DataFrame; fails unless all cubes are equal."""
    source = bench.file(bench.sizes.rows)
    title = load(_DATA_FRAME).TITLE
    costs: dict[str, list[Cost]] = {_REDIS: [], _DASK: [], title: []}
    with ExitStack() as running:
        stack = running.enter_context(running_stack(bench.folder, cores(), bench.small_file, "dask"))
        for number in range(bench.sizes.rounds):
            jobs: dict[str, ColdJob] = {}
            for name, each in ((_REDIS, bench.stack), (_DASK, stack)):
                jobs[name] = each.cold_job(source)
                costs[name].append(jobs[name].cost)
            expected = bench.stack.answer(jobs[_REDIS])
            cost, answer = child.run_engine(_DATA_FRAME, bench.small_file, source)
            costs[title].append(cost)
            for name, other in ((_DASK, stack.answer(jobs[_DASK])), (title, answer)):
                if difference := answers.difference(expected, other):
                    raise AutoConnectError(f"The cube of {name} differs from that of {_REDIS}: {difference}.")
            walls = ", ".join(f"{name} {runs[-1].wall_s:.2f} s" for name, runs in costs.items())
            say(f"dask, round {number + 1} of {bench.sizes.rounds}: {walls}")
    return [Table(f"Engines on {bench.sizes.rows:,} rows", _lines(costs), _note(bench.sizes.rounds))]


def _lines(costs: dict[str, list[Cost]]) -> list[dict[str, Any]]:
    first = costs[_REDIS]
    return [
        {
            "engine": name,
            **Spread.of(cost.wall_s for cost in runs).columns("wall s", 3),
            "CPU s": rounded(Spread.of(cost.cpu_s for cost in runs).median, 3),
            "peak MB, all processes": megabytes(max(cost.peak_bytes for cost in runs)),
            **Spread.of(run.wall_s / one.wall_s for run, one in zip(runs, first, strict=True)).columns("ratio", 2),
        }
        for name, runs in costs.items()
    ]


def _note(rounds: int) -> str:
    return (
        f"{rounds} rounds in turn; all cubes are equal. Engine dask: the same services, with a cluster of {cores()} "
        "workers of one thread that map the batches, on this machine. Ratio: wall time divided by that of the engine "
        "redis in the same round."
    )
