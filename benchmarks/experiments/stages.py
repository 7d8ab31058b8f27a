"""The time of a worker by stage: maps a file in this process, as a worker does, and times each stage."""

import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from autoconnect.core.kernel import cell_table
from autoconnect.core.kernel.map import map_chunks
from autoconnect.core.kernel.mapper import KernelMapper
from autoconnect.core.layout import Layout
from autoconnect.core.partial import encode
from autoconnect.core.sniffer import sniff_bytes
from autoconnect.core.sniffer.sample import HEAD_BYTES
from autoconnect.core.splits import ByteRange, cut
from benchmarks.costs import Spread, rounded
from benchmarks.report import Table, say

if TYPE_CHECKING:  # its packages are only for benchmarks; a test has none of them
    from benchmarks.bench import Bench

#: CPU seconds by stage.
Spent = dict[str, float]

_BATCH_BYTES = 32 << 20
#: The number of batches that a worker maps to one partial of such a file.
_GROUP = 18

_READ = "read: from the file into a buffer"
_MAP = "map: the compiled kernel, from bytes to cells"
_PARTIAL = "partial: a cube built from the cells"
_COMMIT = "commit: the cube encoded"
_REST = "rest: tables, new texts, Python"
_STAGES = (_READ, _MAP, _PARTIAL, _COMMIT, _REST)


def measure(bench: "Bench") -> list[Table]:
    """Nanoseconds per row of each stage."""
    source = bench.file(bench.sizes.rows)
    runs: list[Spent] = []
    for number in range(bench.sizes.rounds):
        runs.append(stages_of(source))
        say(f"stages, round {number + 1} of {bench.sizes.rounds}")
    ns_per_row = {stage: [run[stage] / bench.sizes.rows * 1e9 for run in runs] for stage in _STAGES}
    total = sum(Spread.of(costs).median for costs in ns_per_row.values())
    lines = [
        {
            "stage": stage,
            **Spread.of(costs).columns("ns per row", 1),
            "% of total": rounded(100 * Spread.of(costs).median / total, 1),
        }
        for stage, costs in ns_per_row.items()
    ]
    note = f"CPU time of one worker for {bench.sizes.rows:,} rows, {_GROUP} batches per partial, without Redis."
    return [Table("CPU time of a worker by stage", lines, note)]


def stages_of(source: Path) -> Spent:
    """Map a file in this process; return the CPU seconds of each stage."""
    spent: Spent = defaultdict(float)
    size = source.stat().st_size
    with source.open("rb", buffering=0) as file, ExitStack() as patched:
        descriptor = file.fileno()
        layout = sniff_bytes(file.read(HEAD_BYTES)).layout
        ranges = list(
            cut(layout.data_start, size, _BATCH_BYTES, lambda offset, length: os.pread(descriptor, length, offset))
        )
        _map(descriptor, layout, ranges[:1], defaultdict(float))  # loads the compiled kernel
        patched.enter_context(patch.object(cell_table, "map_chunks", _timed(spent, _MAP, map_chunks)))
        started = time.process_time()
        for first in range(0, len(ranges), _GROUP):
            _map(descriptor, layout, ranges[first : first + _GROUP], spent)
        total_s = time.process_time() - started
    spent[_REST] = total_s - sum(spent.values())
    return spent


def _map(descriptor: int, layout: Layout, ranges: list[ByteRange], spent: Spent) -> None:
    mapper = KernelMapper(layout)
    for batch, (start, length) in enumerate(ranges):

        def read(offset: int, buffer: memoryview, start: int = start) -> int:
            return os.preadv(descriptor, [buffer], start + offset)

        mapper.add(batch, length, _timed(spent, _READ, read))
    with _timing(spent, _PARTIAL):
        partial = mapper.partial()
    with _timing(spent, _COMMIT):
        encode(partial)


@contextmanager
def _timing(spent: Spent, stage: str) -> Iterator[None]:
    started = time.process_time()
    yield
    spent[stage] += time.process_time() - started


def _timed(spent: Spent, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        with _timing(spent, stage):
            return function(*arguments)

    return call
