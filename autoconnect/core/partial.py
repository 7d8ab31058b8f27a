"""A partial, the contribution of one or more batches to their job, and its form on the wire.

On the wire it is one hash. Each city has a field `city:<name>` with its cells as an Arrow stream. The field `tally` has
the counts, the number of physical lines, the rejects, the sightings and a checksum of the cells. Measures without data
are left out.
"""

import json
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain, pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from autoconnect.core.cube import MEASURES, Cube, Fold, Ints, check_size, merge
from autoconnect.core.tally import Reject, Sighting, first_by_reason, sum_sightings
from autoconnect.errors import CubeError

#: Rejects of a job that are kept with their raw lines, the first by position.
MAX_REJECTS = 10_000

#: Version of the form on the wire; partials of any other version are refused.
VERSION = 4
#: Quick to write and five times quicker to read than zstd, for a quarter more bytes.
_CODEC = "lz4"
#: Cells that wait for a merge (32 MB in memory), or twice the cells of the sum so far if that is more.
_CELLS_AT_ONCE = 250_000

_CITY = b"city:"
_TALLY = b"tally"


Narrow = NDArray[Any]


@dataclass(frozen=True)
class Partial:
    """The cells and the tally of one or more batches of a job.

    `lines` has the number of physical lines of each batch; `rejected` counts all rejected rows by reason; `rejects` has
    the first MAX_REJECTS of them by position, and `first_rejects` the first of each reason. `sightings` has records of
    unusual kinds.
    """

    cube: Cube = field(default_factory=Cube.empty)
    lines: Mapping[int, int] = field(default_factory=dict)
    rejected: Mapping[str, int] = field(default_factory=dict)
    rejects: Sequence[Reject] = ()
    first_rejects: Mapping[str, Reject] = field(default_factory=dict)
    sightings: Mapping[str, Sighting] = field(default_factory=dict)

    @property
    def rows_accepted(self) -> int:
        return self.cube.total("transactions")

    @property
    def rows_rejected(self) -> int:
        return sum(self.rejected.values())

    @property
    def rows_read(self) -> int:
        return self.rows_accepted + self.rows_rejected


def merge_partials(partials: Iterable[Partial], max_cells: int | None = None) -> Partial:
    """Sum partials that have no batch in common.

    They are read one by one, and merged whenever enough cells wait: partials that an iterator makes on demand are never
    all in memory at once. Raises CubeError as soon as the sum has more than `max_cells` cells.
    """
    waiting: list[Partial] = []
    cells = 0
    for partial in partials:
        waiting.append(partial)
        cells += len(partial.cube)
        if cells > max(_CELLS_AT_ONCE, 2 * len(waiting[0].cube)):
            waiting = [_merge_all(waiting, max_cells)]
            cells = len(waiting[0].cube)
    return _merge_all(waiting, max_cells)


def _merge_all(partials: Sequence[Partial], max_cells: int | None) -> Partial:
    rejected: Counter[str] = Counter()
    for partial in partials:
        rejected.update(partial.rejected)
    cubes = [partial.cube for partial in partials if len(partial.cube)]
    cube = cubes[0] if len(cubes) == 1 else merge(cubes)
    if max_cells is not None:
        check_size(cube, max_cells)
    return Partial(
        cube=cube,
        lines={batch: lines for partial in partials for batch, lines in partial.lines.items()},
        rejected=dict(rejected),
        rejects=sorted(reject for partial in partials for reject in partial.rejects)[:MAX_REJECTS],
        first_rejects=first_by_reason(chain.from_iterable(partial.first_rejects.values() for partial in partials)),
        sightings=sum_sightings(chain.from_iterable(partial.sightings.items() for partial in partials)),
    )


def encode(partial: Partial) -> dict[bytes, bytes]:
    """The hash of a partial: one field per city, and the tally. The cube must be canonical."""
    cube = partial.cube
    edges = np.searchsorted(cube.city, np.arange(len(cube.cities) + 1))
    cells = {
        _CITY + city.encode(): _encode_cells(cube, slice(start, end))
        for city, (start, end) in zip(cube.cities, pairwise(edges), strict=True)
    }
    tally = {
        "version": VERSION,
        "checksum": _checksum(cells),
        "models": cube.models,
        "lines": partial.lines,
        "rejected": partial.rejected,
        "rejects": partial.rejects,
        "first_rejects": partial.first_rejects,
        "sightings": partial.sightings,
    }
    return {_TALLY: zlib.compress(json.dumps(tally, sort_keys=True).encode(), 1), **cells}


def decode(fields: Mapping[bytes, bytes]) -> Partial:
    """The partial that `encode` wrote.

    Raises CubeError if the fields have another version or are damaged.
    """
    try:
        tally = json.loads(zlib.decompress(fields[_TALLY]))
    except (KeyError, zlib.error):
        raise CubeError("A partial is damaged: its tally is missing or unreadable.") from None
    if tally["version"] != VERSION:
        raise CubeError(f"A partial has version {tally['version']}; this program reads version {VERSION}.")
    cells = {key: fields[key] for key in sorted(fields) if key != _TALLY}
    if _checksum(cells) != tally["checksum"]:  # Arrow trusts any length that it reads
        raise CubeError("A partial is damaged: its cells do not match their checksum.")
    cities = {key.removeprefix(_CITY).decode(): data for key, data in cells.items()}
    return Partial(
        cube=_decode_cube(cities, tally["models"]),
        lines={int(batch): lines for batch, lines in tally["lines"].items()},
        rejected=tally["rejected"],
        rejects=[Reject(*reject) for reject in tally["rejects"]],
        first_rejects={reason: Reject(*reject) for reason, reject in tally["first_rejects"].items()},
        sightings={kind: Sighting(*sighting) for kind, sighting in tally["sightings"].items()},
    )


def _checksum(cells: Mapping[bytes, bytes]) -> int:
    checksum = 0
    for key in sorted(cells):
        checksum = zlib.crc32(cells[key], zlib.crc32(key, checksum))
    return checksum


def _encode_cells(cube: Cube, cells: slice) -> bytes:
    columns: dict[str, Narrow] = {
        "day": cube.day[cells].astype(np.int32),
        "type": _narrow(cube.type[cells]),
        "model": _narrow(cube.model[cells]),
    }
    for name, fold in MEASURES.items():
        values = _shift_minima(cube.measures[name][cells], fold, 1)
        if values.any():
            columns[name] = _narrow(values)
    batch = pa.record_batch([_arrow(values) for values in columns.values()], names=list(columns))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    # Compress the whole stream: compressing each column, as Arrow can, doubles time and size if there are few cells.
    packed: bytes = pa.compress(sink.getvalue(), _CODEC, asbytes=True)
    return packed


def _decode_cells(data: bytes) -> dict[str, Narrow]:
    with pa.CompressedInputStream(pa.BufferReader(data), _CODEC) as packed, pa.ipc.open_stream(packed) as reader:
        batch = reader.read_next_batch()
    return {name: np.from_dlpack(column) for name, column in zip(batch.schema.names, batch.columns, strict=True)}


def _decode_cube(cities: Mapping[str, bytes], models: Sequence[str]) -> Cube:
    columns_by_city = [_decode_cells(data) for data in cities.values()]
    lengths = [len(columns["day"]) for columns in columns_by_city]

    def column(name: str) -> Ints:
        values = np.zeros(sum(lengths), np.int64)
        for columns, end, length in zip(columns_by_city, accumulate(lengths), lengths, strict=True):
            values[end - length : end] = columns.get(name, 0)
        return values

    return Cube(
        cities=tuple(cities),
        models=tuple(models),
        city=np.repeat(np.arange(len(cities)), lengths),
        day=column("day"),
        type=column("type"),
        model=column("model"),
        measures={name: _shift_minima(column(name), fold, -1) for name, fold in MEASURES.items()},
    )


def _shift_minima(values: Ints, fold: Fold, shift: int) -> Ints:
    """Convert a measure to its form on the wire (`shift` is 1) or back (-1).

    The minimum of no values is the largest 64-bit integer. On the wire it is 0, and every other minimum is one more:
    so a measure without data is 0 whatever its fold, and small numbers stay narrow.
    """
    return (values + shift) & Fold.MIN.neutral if fold is Fold.MIN else values


def _narrow(values: Ints) -> Narrow:
    """Cast numbers, none of them negative, to the narrowest type that holds the largest."""
    return values.astype(np.min_scalar_type(int(values.max())))


def _arrow(values: Narrow) -> pa.Array:
    """An Arrow view of the same memory. `pa.array` and `to_numpy` import pandas if it is installed: 0.2 s and 60 MB."""
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [None, pa.py_buffer(values)])
