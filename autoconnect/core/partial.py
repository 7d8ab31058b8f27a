"""A partial: what one batch, or several merged ones, add to the job; and its form on the wire.

On the wire it is one hash: for each city a field `city:<name>` with its cells as an Arrow stream, and the field `tally`
with the counts, the number of physical lines and the rejects. Columns that say nothing are left out.
"""

import json
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from autoconnect.core.cube import MEASURES, Cube, concatenate, merge
from autoconnect.errors import CubeError

#: Raw lines of rejects are kept for the first so many of a job, by position.
MAX_REJECTS = 10_000
#: A raw line is cut at so many characters.
MAX_RAW = 500

VERSION = 1
_CITY = b"city:"
_TALLY = b"tally"


class Reject(NamedTuple):
    """A rejected row: the batch it is in, its physical line there (0 the first), why, and its text cut at MAX_RAW."""

    batch: int
    line: int
    reason: str
    raw: str


@dataclass(frozen=True)
class Partial:
    """The cells and the tally of some batches of a job.

    `lines` has the number of physical lines of each of the batches; `rejects` the first MAX_REJECTS rejected rows by
    position; `rejected` counts all of them by reason.
    """

    cube: Cube = field(default_factory=Cube.empty)
    lines: Mapping[int, int] = field(default_factory=dict)
    rejected: Mapping[str, int] = field(default_factory=dict)
    rejects: Sequence[Reject] = ()

    @property
    def rows_accepted(self) -> int:
        return self.cube.total("transactions")

    @property
    def rows_rejected(self) -> int:
        return sum(self.rejected.values())

    @property
    def rows_read(self) -> int:
        return self.rows_accepted + self.rows_rejected


def merge_partials(partials: Sequence[Partial]) -> Partial:
    """The partial of all batches of the given ones, which have none in common."""
    rejected: Counter[str] = Counter()
    for partial in partials:
        rejected.update(partial.rejected)
    return Partial(
        cube=merge([partial.cube for partial in partials]),
        lines={batch: lines for partial in partials for batch, lines in partial.lines.items()},
        rejected=dict(rejected),
        rejects=sorted(reject for partial in partials for reject in partial.rejects)[:MAX_REJECTS],
    )


def file_lines(partial: Partial, header_lines: int) -> list[int]:
    """The line in the file (1 the first) of each reject of a partial that has all batches of its job."""
    first_line = {}
    line = header_lines + 1
    for batch in sorted(partial.lines):
        first_line[batch] = line
        line += partial.lines[batch]
    return [first_line[reject.batch] + reject.line for reject in partial.rejects]


def encode(partial: Partial) -> dict[bytes, bytes]:
    """The hash of a partial: one field per city, and its tally."""
    tally = {
        "version": VERSION,
        "lines": partial.lines,
        "rejected": partial.rejected,
        "rejects": partial.rejects,
    }
    fields = {_TALLY: zlib.compress(json.dumps(tally, sort_keys=True).encode(), 1)}
    cube = partial.cube
    edges = np.searchsorted(cube.city, np.arange(len(cube.cities) + 1))
    for code, name in enumerate(cube.cities):
        fields[_CITY + name.encode()] = _encode_cells(cube, slice(edges[code], edges[code + 1]))
    return fields


def decode(fields: Mapping[bytes, bytes]) -> Partial:
    """The partial that `encode` wrote.

    Raises CubeError where it was written by another version.
    """
    tally = json.loads(zlib.decompress(fields[_TALLY]))
    if tally["version"] != VERSION:
        raise CubeError(f"A partial has version {tally['version']}; this program reads version {VERSION}.")
    cities = [
        _decode_cells(key.removeprefix(_CITY).decode(), value) for key, value in sorted(fields.items()) if key != _TALLY
    ]
    return Partial(
        cube=concatenate(cities),
        lines={int(batch): lines for batch, lines in tally["lines"].items()},
        rejected=tally["rejected"],
        rejects=[Reject(*reject) for reject in tally["rejects"]],
    )


def _encode_cells(cube: Cube, cells: slice) -> bytes:
    used, model = np.unique(cube.model[cells], return_inverse=True)
    names = pa.array([cube.models[code] for code in used], pa.string())
    columns: dict[str, pa.Array] = {
        "day": pa.array(cube.day[cells], pa.int32()),
        "type": pa.array(cube.type[cells], pa.int8()),
        "model": pa.DictionaryArray.from_arrays(pa.array(model, pa.int32()), names),
    }
    for name, fold in MEASURES.items():
        values = cube.measures[name][cells]
        if (values != fold.neutral).any():
            columns[name] = pa.array(values)
    batch = pa.record_batch(columns)
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as packed, pa.ipc.new_stream(packed, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())


def _decode_cells(city: str, data: bytes) -> Cube:
    with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as packed, pa.ipc.open_stream(packed) as reader:
        batch = reader.read_next_batch()
    length = batch.num_rows
    columns = {name: batch.column(name).to_numpy() for name in batch.schema.names if name != "model"}
    model = batch.column("model")
    measures = {
        name: columns[name] if name in columns else np.full(length, fold.neutral, np.int64)
        for name, fold in MEASURES.items()
    }
    return Cube(
        cities=(city,),
        models=tuple(model.dictionary.to_pylist()),
        city=np.zeros(length, np.int64),
        day=columns["day"].astype(np.int64),
        type=columns["type"].astype(np.int64),
        model=model.indices.to_numpy().astype(np.int64),
        measures=measures,
    )
