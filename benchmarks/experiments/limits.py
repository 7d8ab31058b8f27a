"""What one Redis carries: up to a thousand simulated workers claim, sleep and commit real partials."""

import os
import re
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from autoconnect.broker import jobs, server
from autoconnect.broker.keys import JobKeys
from autoconnect.core.partial import encode
from autoconnect.generate import generate
from autoconnect.local.temporary import temporary_folder
from autoconnect.models import JobStatus
from benchmarks.costs import Spread, megabytes, rounded
from benchmarks.report import Table, say
from benchmarks.simulated_stack import KINDS, Reading, SimulatedStack, Usage, simulated_stack, usage, wait_until
from benchmarks.simulated_workers import SEED, SIGMA, Simulation, partial_of
from benchmarks.sparse import BATCH_BYTES, sparse_file

if TYPE_CHECKING:  # its packages are only for benchmarks; a test has none of them
    from benchmarks.bench import Bench

#: Rows of 32 MiB.
_ROWS = 585_000
#: Seconds that a core takes to map 32 MiB, by docs/performance.md.
_MAP_S = 0.02
#: Cells from which a cube counts as large, and the most workers with such cubes: a thousand would send 1 GB a second.
_MANY, _FLOOD = 10_000, 100
#: Partials left by an aggregator that keeps up: 16, their sums, and those that have just come.
_KEEPS_UP = 64
#: Seconds for which workers that wait are measured.
_IDLE_S = 2.0
#: Seconds from the release of the plan until the rate is measured.
_SETTLE_S = 1.0

#: Workers of the job with a tail; the first of them are slower by a factor.
_TAIL_WORKERS, _TAIL_SLOW, _TAIL_TIMES = 100, 3, 50.0
#: Seconds of a batch there on average.
_TAIL_MEAN_S = 0.3


class Cube(NamedTuple):
    """A cube whose partial the workers commit: the file with a batch's rows, its cells, the bytes of its partial."""

    rows: Path
    cells: int
    bytes: int


class Load(NamedTuple):
    """A number of workers, and the seconds that each of them takes for a batch on average."""

    workers: int
    mean_s: float


@dataclass(frozen=True)
class Run:
    """One run of a load: what was added while there was nothing to do, and then while batches were mapped.

    `worker` is what Redis holds for each worker, `most_bytes` what it used at most, and `plan_bytes` the batches of the
    plan; `waiting` partials were not yet replaced by their sum at the end.
    """

    idle: Reading
    busy: Reading
    worker: Usage
    most_bytes: int
    plan_bytes: int
    waiting: int

    @property
    def per_second(self) -> float:
        return self.busy.done / self.busy.clock_s

    @property
    def per_commit(self) -> float:
        return self.busy.done / max(self.busy.commits, 1)

    def cpu_us(self, kind: str) -> float:
        """CPU microseconds of the processes of a kind for each batch."""
        return 1e6 * self.busy.cpu_s[kind] / max(self.busy.done, 1)


#: The runs of each cube and load.
Runs = dict[Cube, dict[Load, list[Run]]]


def measure(bench: "Bench") -> list[Table]:
    """Rates, loads and memory by number of workers; what follows for one Redis; the tail, with and without backups."""
    sizes, rounds = bench.sizes, min(bench.sizes.rounds, bench.sizes.scaling_rounds)
    with temporary_folder() as folder, sparse_file(bench.folder, sizes.simulated_bytes) as source:
        if source is None:
            say("limits is SKIPPED: this file system does not support a sparse file of that size")
            return []
        loads = [Load(*load) for load in sizes.simulated]
        runs: Runs = {
            cube: {load: [] for load in loads if cube.cells < _MANY or load.workers <= _FLOOD}
            for cube in cubes(folder, _ROWS)
        }
        for number in range(rounds):
            for cube, by_load in runs.items():
                for load, of_load in by_load.items():
                    of_load.append(run(cube, load, source, sizes.simulated_s))
                latest = ", ".join(f"{of_load[-1].per_second:,.0f}" for of_load in by_load.values())
                say(f"limits, round {number + 1} of {rounds}, {cube.cells:,} cells: {latest} batches/s")
    with temporary_folder() as folder, sparse_file(bench.folder, sizes.tail_bytes) as short:
        few = cubes(folder, _ROWS)[0]
        tails = [tails_s(few, short) for _ in range(rounds)] if short else []
    batches = -(-sizes.simulated_bytes // BATCH_BYTES)
    tables = [_rates(runs), _capacity(runs), _waiting(runs), _memory(runs, batches)]
    return [*tables, _tail(tails, sizes.tail_bytes)] if tails else tables


def cubes(folder: Path, rows: int) -> list[Cube]:
    """A cube with few cells, where each batch has a partial of its own, and one with many, where batches share one."""
    many, few = folder / "many.csv", folder / "few.csv"
    many.write_text("".join(generate(rows)))
    few.write_bytes(re.sub(rb",(\d{4}-\d\d)-\d\d,", rb",\1-01,", many.read_bytes()))  # one day a month
    return [_cube(few), _cube(many)]


def _cube(rows: Path) -> Cube:
    of_batch = partial_of(rows)
    return Cube(rows, len(of_batch.cube), sum(map(len, encode(of_batch).values())))


def run(cube: Cube, load: Load, source: Path, seconds: float) -> Run:
    """Run a job on a new stack, measure it for some seconds, and cancel it."""
    with simulated_stack(Simulation(load.workers, str(cube.rows), load.mean_s), source.parent) as stack:
        idle, _ = stack.read_until(None, min(_IDLE_S, seconds))
        job_id = stack.submit(source)
        job_keys = JobKeys(job_id)
        plan_bytes = stack.client.call("MEMORY", "USAGE", job_keys.batches, "SAMPLES", 0)
        time.sleep(min(_SETTLE_S + 2 * load.mean_s, seconds))
        busy, most_bytes = stack.read_until(job_id, seconds)
        waiting = stack.client.call("SCARD", job_keys.partials)
        connections = usage(stack.client).connections - stack.empty.connections
        jobs.end_job(stack.client, job_id, JobStatus.CANCELLED)
        worker = Usage((stack.idle.bytes - stack.empty.bytes) // load.workers, round(connections / load.workers))
        return Run(idle, busy, worker, most_bytes, int(plan_bytes), int(waiting))


def tails_s(cube: Cube, source: Path) -> dict[str, float]:
    """Seconds from the visible plan to the last commit: with equal workers, with slow ones, and with backups, too.

    Without backups, the orchestrator is stopped once the job is planned.
    """
    equal = Simulation(_TAIL_WORKERS, str(cube.rows), _TAIL_MEAN_S)
    slow = Simulation(_TAIL_WORKERS, str(cube.rows), _TAIL_MEAN_S, _TAIL_SLOW, _TAIL_TIMES)
    return {
        "none": mapping_s(equal, source, backups=True),
        "without backups": mapping_s(slow, source, backups=False),
        "with backups": mapping_s(slow, source, backups=True),
    }


def mapping_s(simulation: Simulation, source: Path, *, backups: bool) -> float:
    """Seconds from the moment that a plan is visible to its last commit."""
    with simulated_stack(simulation, source.parent) as stack:
        job_id = stack.submit(source)
        visible_ms = server.time_ms(stack.client)
        if not backups:
            _send(stack, "orchestrator", signal.SIGSTOP)
        try:
            wait_until(lambda: stack.status(job_id) is not JobStatus.RUNNING)
        finally:
            _send(stack, "orchestrator", signal.SIGCONT)
        committed_ms = int(stack.client.call("HGET", JobKeys(job_id).job, "committed_at"))
        return (committed_ms - visible_ms) / 1_000


def _send(stack: SimulatedStack, name: str, number: signal.Signals) -> None:
    for pid in stack.pids[name]:
        os.kill(pid, number)


def _rates(runs: Runs) -> Table:
    lines = [
        {
            "cells": cube.cells,
            "workers": load.workers,
            "ms a batch": round(1_000 * load.mean_s),
            **Spread.of(run.per_second for run in of_load).columns("batches per second", 0),
            "batches per commit": _median(of_load, lambda run: run.per_commit, 1),
            **{f"{kind} %": _median(of_load, partial(_load_of, kind), 0) for kind in KINDS},
            "partials left": _median(of_load, lambda run: run.waiting, 0),
            "redis MB at most": megabytes(max(run.most_bytes for run in of_load)),
        }
        for cube, by_load in runs.items()
        for load, of_load in by_load.items()
    ]
    note = (
        f"Each worker sleeps for a batch (log-normal, sigma {SIGMA}, seed {SEED}; 20 ms is what a core takes to map "
        "32 MiB) and commits a real partial. %: load of one core by Redis, the orchestrator, the aggregator with its "
        "child process, all simulated workers, and other programs of the machine. Partials left: those that the "
        "aggregator had not yet replaced by their sum at the end; it replaces them from 16 on. Medians, and the "
        "maximum of used_memory."
    )
    return Table("Simulated workers on one Redis", lines, note)


def _capacity(runs: Runs) -> Table:
    lines = []
    for cube, by_load in runs.items():
        of_load = max((of_load for of_load in by_load.values() if _keep_up(of_load)), key=_rate, default=None)
        for kind in ("redis", "aggregator") if of_load else ():
            cpu_us = Spread.of(run.cpu_us(kind) for run in of_load or ()).median
            per_second = 1e6 / cpu_us
            lines.append(
                {
                    "process": kind,
                    "cells": cube.cells,
                    "measured at batches per second": rounded(_rate(of_load or ()), 0),
                    "CPU us per batch": rounded(cpu_us, 0),
                    "batches per second of a core": rounded(per_second, 0),
                    "GB per second": rounded(per_second * BATCH_BYTES / 1e9, 0),
                    "cores that map as much": rounded(per_second * _MAP_S, 0),
                }
            )
    note = (
        "Extrapolated to a full core from the CPU time of a batch, in the fastest of the runs above in which the "
        f"aggregator kept up (at most {_KEEPS_UP} partials left, or as many as are committed in a second). "
        "A batch has 32 MiB. Redis runs all scripts on one core; one job is reduced on one core."
    )
    return Table("What one Redis and one aggregator carry", lines, note)


def _keep_up(of_load: Sequence[Run]) -> bool:
    commits_s = Spread.of(run.busy.commits / run.busy.clock_s for run in of_load).median
    return Spread.of(run.waiting for run in of_load).median <= max(_KEEPS_UP, commits_s)


def _rate(of_load: Sequence[Run]) -> float:
    return Spread.of(run.per_second for run in of_load).median


def _waiting(runs: Runs) -> Table:
    by_load = next(iter(runs.values()))
    lines = [
        {
            "workers": load.workers,
            "redis %": _median(of_load, lambda run: run.idle.percent("redis"), 1),
            "orchestrator %": _median(of_load, lambda run: run.idle.percent("orchestrator"), 1),
            "KB per worker": _median(of_load, lambda run: run.worker.bytes / 1e3, 1),
            "connections per worker": _median(of_load, lambda run: run.worker.connections, 0),
        }
        for load, of_load in {load.workers: (load, of_load) for load, of_load in by_load.items()}.values()
    ]
    note = (
        "Load of a core and memory of Redis while all workers wait for batches: heartbeats and ticks. Connections: "
        "those of a worker that maps. With few workers, both include those of the services."
    )
    return Table("Workers that wait", lines, note)


def _memory(runs: Runs, batches: int) -> Table:
    every = [run for by_load in runs.values() for of_load in by_load.values() for run in of_load]
    lines = [{"what": "a batch of a plan", "KB": rounded(every[0].plan_bytes / batches / 1e3, 2)}]
    lines += [{"what": f"a partial of {cube.cells:,} cells", "KB": rounded(cube.bytes / 1e3, 2)} for cube in runs]
    note = "A plan is in Redis until its job is removed. In addition, each unclaimed batch is an item of a list."
    return Table("Memory of Redis", lines, note)


def _load_of(kind: str, run: Run) -> float:
    return run.busy.percent(kind)


def _median(of_load: Sequence[Run], value: Callable[[Run], float], digits: int) -> Decimal:
    return rounded(Spread.of(map(value, of_load)).median, digits)


def _tail(tails: Sequence[Mapping[str, float]], size: int) -> Table:
    lines = [
        {"slow workers": title, **Spread.of(tail[title] for tail in tails).columns("plan to last commit s", 1)}
        for title in tails[0]
    ]
    note = (
        f"{-(-size // BATCH_BYTES):,} batches, {_TAIL_WORKERS} workers, {_TAIL_MEAN_S} s a batch on average; "
        f"{_TAIL_SLOW} slow workers take {_TAIL_TIMES:.0f} times as long. From the moment that the plan is visible to "
        "the last commit. Without backups: the orchestrator, which hands them out, is stopped after planning."
    )
    return Table("The tail", lines, note)
