"""Planning a sparse file of 100 GB, which has data only where planning reads."""

import time
from pathlib import Path

from autoconnect.planning import BatchSize, plan
from autoconnect.sources.local import Folders
from benchmarks.bench import Bench
from benchmarks.costs import Spread, rounded
from benchmarks.machine import cores
from benchmarks.report import Table, say
from benchmarks.sparse import BATCH_BYTES, sparse_file

_RUNS = 5


def measure(bench: Bench) -> list[Table]:
    """Milliseconds to plan the file, first with none of it in memory; no table if there are no sparse files."""
    with sparse_file(bench.folder, bench.sizes.sparse_bytes) as path:
        if path is None:
            say("planning is SKIPPED: this file system does not support a sparse file of that size")
            return []
        times_ms, batches = _plan(path)
    gigabytes = round(bench.sizes.sparse_bytes / 1e9)
    times = {"first ms": rounded(times_ms[0], 1), **Spread.of(times_ms[1:]).columns("later ms", 1)}
    line = {"GB": gigabytes, "batches": batches, **times}
    note = (
        f"First: with none of the file in memory; later: {_RUNS} more runs. Writing the plan to Redis is not included."
    )
    return [Table("Planning a sparse file", [line], note)]


def _plan(path: Path) -> tuple[list[float], int]:
    """The milliseconds of each planning of the file, and the number of batches."""
    folders, size = Folders(uploads=path.parent / "none", data=path.parent), BatchSize(cores(), BATCH_BYTES)
    times_ms, batches = [], 0
    for _ in range(1 + _RUNS):
        start = time.perf_counter()
        batches = len(plan([path.name], folders, size).batches)
        times_ms.append((time.perf_counter() - start) * 1_000)
    return times_ms, batches
