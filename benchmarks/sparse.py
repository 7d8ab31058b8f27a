"""Makes sparse files that have data only where planning reads.

Rows of 64 bytes make these places known: the head, the windows, and around each cut between batches. The rest is a
hole, which takes no space on a file system with sparse files.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from autoconnect.core.sniffer.sample import HEAD_BYTES, WINDOW_BYTES, window_offsets

#: The largest automatic size of batches; set explicitly, so that the places of the cuts are known.
BATCH_BYTES = 32 << 20

_ROW_BYTES = 64
_HEADER = b"transaction_id,date,ville,type,modele,prix,duree_location_mois".ljust(_ROW_BYTES - 1) + b"\n"
_ROW = b"TX000000001,2024-05-16,Paris,location,Tesla Model 3,1440.47,41".ljust(_ROW_BYTES - 1) + b"\n"
#: Bytes of data on either side of a cut.
_AROUND_BYTES = 16 << 10
#: A file that takes more space than this is not sparse.
_MAX_DISK_BYTES = 4 << 30


@contextmanager
def sparse_file(folder: Path, size: int) -> Iterator[Path | None]:
    """A sparse file of `size` bytes that can be planned; None if the file system does not support it."""
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
    for cut in range(len(_HEADER) + BATCH_BYTES, size, BATCH_BYTES):
        yield _aligned(cut - _AROUND_BYTES), 2 * _AROUND_BYTES
    yield _aligned(size - _AROUND_BYTES), 2 * _AROUND_BYTES


def _aligned(offset: int) -> int:
    return offset // _ROW_BYTES * _ROW_BYTES


def _rows(start: int, length: int) -> bytes:
    """The bytes of the file from `start`, a multiple of the length of a row."""
    rows = _ROW * (length // _ROW_BYTES + 1)
    return (_HEADER + rows if start == 0 else rows)[:length]
