"""Runs another engine once, in its own process.

Interpreter, imports, cluster and a run on a small file come before the clock starts, just as AutoConnect's services are
up before a job. `python -m benchmarks.peers ENGINE WARM-UP SOURCE ANSWER` prints the cost as JSON.
"""

import json
import sys
import time
from pathlib import Path

import pyarrow.feather as feather

from benchmarks.costs import Cost
from benchmarks.engines import load
from benchmarks.processes import cpu_s, peak_bytes, reset_peaks, tree


def measure(engine: str, warm_up: Path, source: Path, answer: Path) -> Cost:
    """Run an engine in this process, write its table to `answer` as an Arrow file, and return the cost of the run."""
    with load(engine).ready() as run:
        run(warm_up)
        pids = tree()
        reset_peaks(pids)
        cpu_before, start = cpu_s(pids), time.perf_counter()
        table = run(source)
        wall_s = time.perf_counter() - start
        cost = Cost(wall_s, cpu_s(pids) - cpu_before, peak_bytes(pids))
        feather.write_feather(table, str(answer), compression="uncompressed")
        return cost


if __name__ == "__main__":
    name, *paths = sys.argv[1:]
    cost = measure(name, *map(Path, paths))
    sys.stdout.write(json.dumps(cost) + "\n")
