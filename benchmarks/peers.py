"""One run of another engine, in a process of its own.

Interpreter, imports, cluster and a run on a small file come before the clock starts: our services are up before a job.
As `python -m benchmarks.peers ENGINE WARM-UP SOURCE ANSWER` it prints the cost as JSON.
"""

import json
import sys
import time
from pathlib import Path

import pyarrow.feather as feather

from benchmarks.costs import Cost
from benchmarks.engines import load
from benchmarks.processes import cpu_s, forget_peaks, peak_bytes, tree


def measure(engine: str, warm_up: Path, source: Path, answer: Path) -> Cost:
    """Runs an engine here, writes its table as an Arrow file, and returns what it cost."""
    with load(engine).ready() as run:
        run(warm_up)
        pids = tree()
        forget_peaks(pids)
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
