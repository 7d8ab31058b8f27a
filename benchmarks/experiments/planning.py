"""Planning a sparse file of 100 GB that has data only where planning reads.

Rows of 64 bytes make these places known: the head, the windows, and around each cut between batches. The rest is a
hole, which takes no space on a file system with sparse files.
"""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from autoconnect.core.sniffer.sample import HEAD_BYTES, WINDOW_BYTES, window_offsets
from autoconnect.planning import BatchSize, plan
from autoconnect.sources.local import Folders
from benchmarks.bench import Bench
from benchmarks.costs import Spread, rounded
from benchmarks.machine import cores
from benchmarks.report import Table, say

_ROW_BYTES = 64
_HEADER = b"transaction_id,date,ville,type,modele,prix,duree_location_mois".ljust(_ROW_BYTES - 1) + b"\n"
_ROW = b"TX000000001,2024-05-16,Paris,location,Tesla Model 3,1440.47,41".ljust(_ROW_BYTES - 1) + b"\n"
#: The largest automatic size of batches; set explicitly, so that the places of the cuts are known.
_BATCH_BYTES = 32 << 20
#: Bytes of data on either side of a cut.
_AROUND_BYTES = 16 << 10
#: A file that takes more space than this is not sparse.
_MAX_DISK_BYTES = 4 << 30
_RUNS = 5


def measure(bench: Bench) -> list[Table]:
    """Milliseconds to plan the file, first with none of it in memory; no table if there are no sparse files."""
    with _sparse_file(bench.folder, bench.sizes.sparse_bytes) as path:
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
    folders, size = Folders(uploads=path.parent / "none", data=path.parent), BatchSize(cores(), _BATCH_BYTES)
    times_ms, batches = [], 0
    for _ in range(1 + _RUNS):
        start = time.perf_counter()
        batches = len(plan([path.name], folders, size).batches)
        times_ms.append((time.perf_counter() - start) * 1_000)
    return times_ms, batches


@contextmanager
def _sparse_file(folder: Path, size: int) -> Iterator[Path | None]:
    with tempfile.NamedTemporaryFile(dir=folder, prefix="sparse-", suffix=".csv") as file:
        try:
            file.truncate(size)
            for start, length in _data_ranges(size):
                file.seek(start)
                file.write(_rows(start, min(length, size - start)))
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            yield None
            return
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        sparse = os.fstat(file.fileno()).st_blocks * 512 < _MAX_DISK_BYTES
        yield Path(file.name) if sparse else None


def _data_ranges(size: int) -> Iterator[tuple[int, int]]:
    yield 0, HEAD_BYTES
    for offset in window_offsets(size):
        yield _aligned(offset), WINDOW_BYTES + _ROW_BYTES
    for cut in range(len(_HEADER) + _BATCH_BYTES, size, _BATCH_BYTES):
        yield _aligned(cut - _AROUND_BYTES), 2 * _AROUND_BYTES
    yield _aligned(size - _AROUND_BYTES), 2 * _AROUND_BYTES


def _aligned(offset: int) -> int:
    return offset // _ROW_BYTES * _ROW_BYTES


def _rows(start: int, length: int) -> bytes:
    """The bytes of the file from `start`, a multiple of the length of a row."""
    rows = _ROW * (length // _ROW_BYTES + 1)
    return (_HEADER + rows if start == 0 else rows)[:length]
