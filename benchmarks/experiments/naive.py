"""The naive way, for contrast: every row passes through a Redis list as JSON and is added up as floats in hashes.

`python -m benchmarks.experiments.naive URL` runs one of its workers.
"""

import csv
import json
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from autoconnect.broker.connection import connect
from autoconnect.errors import AutoConnectError
from benchmarks import child
from benchmarks.bench import Bench
from benchmarks.costs import Spread, rounded
from benchmarks.machine import cores
from benchmarks.report import Table
from benchmarks.server import running_server

_ROWS, _UP, _COUNT, _REVENUE = (f"naive:{name}" for name in ("rows", "up", "count", "revenue"))
_END = b"end"
_PUSHED_AT_ONCE = 1_000
#: Seconds that a worker blocks; less than the client's time-out for calls that return at once.
_BLOCK_S = 2


def measure(bench: Bench) -> list[Table]:
    """Rows per second of the naive way and of AutoConnect, and the naive time of the large file at that rate."""
    rows = bench.sizes.naive_rows
    source = bench.file(rows)
    wall_s = _run(source, rows)
    autoconnect_s = Spread.of(
        bench.stack.cold_job(source).cost.wall_s for _ in range(bench.sizes.scaling_rounds)
    ).median
    lines = [
        {"way": way, "rows per second": round(rows / seconds), "wall s": rounded(seconds, 3)}
        for way, seconds in (("rows as JSON through a list", wall_s), ("AutoConnect", autoconnect_s))
    ]
    large_min = wall_s * bench.sizes.rows / rows / 60
    note = (
        f"{cores()} workers each; the naive workers compute only counts and sums. At their rate, {bench.sizes.rows:,} "
        f"rows would take {large_min:,.1f} minutes (extrapolated, not measured)."
    )
    return [Table(f"The naive way with {rows:,} rows", lines, note)]


def _run(source: Path, rows: int) -> float:
    """Seconds from the first push to the end of the last worker."""
    with running_server() as url:
        client = connect(url)
        workers = [child.start("experiments.naive", url) for _ in range(cores())]
        for _ in workers:
            while not client.call("BRPOP", _UP, _BLOCK_S):
                if any(worker.poll() is not None for worker in workers):
                    raise AutoConnectError("A naive worker ended before it started work; its messages are above.")
        start = time.perf_counter()
        for chunk in _chunks(source):
            client.call("LPUSH", _ROWS, *chunk)
        client.call("LPUSH", _ROWS, *[_END] * len(workers))
        counted = sum(child.result(worker) for worker in workers)
        wall_s = time.perf_counter() - start
        client.close()
    if counted != rows:
        raise AutoConnectError(f"The naive way counted {counted:,} rows; expected {rows:,}.")
    return wall_s


def _chunks(source: Path) -> Iterator[list[str]]:
    with source.open(encoding="utf-8", newline="") as file:
        lines = map(json.dumps, csv.DictReader(file))
        while chunk := list(islice(lines, _PUSHED_AT_ONCE)):
            yield chunk


def work(url: str) -> int:
    """Add up rows until the end marker; return the number of rows."""
    client = connect(url)
    client.call("LPUSH", _UP, "up")
    done = 0
    while True:
        popped = client.call("BRPOP", _ROWS, _BLOCK_S)
        if not popped:
            continue
        if popped[1] == _END:
            return done
        row = json.loads(popped[1])
        cell = ":".join(row[name] for name in ("ville", "type", "modele", "date"))
        client.call_many([["HINCRBY", _COUNT, cell, 1], ["HINCRBYFLOAT", _REVENUE, cell, row["prix"]]])
        done += 1


if __name__ == "__main__":
    sys.stdout.write(f"{work(sys.argv[1])}\n")
