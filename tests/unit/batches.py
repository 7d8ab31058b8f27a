"""The product's cells and partials, in a form that can be compared with the oracle's rows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from itertools import pairwise

import numpy as np
from hypothesis import strategies as st

from autoconnect.core.cube import MEASURES, Cube, Fold, merge
from autoconnect.core.dialect import Dialect, DialectOptions
from autoconnect.core.kernel.mapper import KernelMapper
from autoconnect.core.layout import Layout
from autoconnect.core.lines import FileLines
from autoconnect.core.mapper import ReadInto, map_batch
from autoconnect.core.partial import Partial, decode, encode, merge_partials
from autoconnect.core.plan import Part
from autoconnect.core.records import MAX_RECORD_BYTES, ahead_bytes
from autoconnect.core.schema import TYPES
from autoconnect.core.sniffer import sniff_bytes
from autoconnect.core.splits import ByteRange, RecordScan, cut, cut_at_records
from tests.files import File
from tests.oracle import Row

Cells = dict[tuple[str, date, str, str], dict[str, int]]

_EPOCH = date(1970, 1, 1).toordinal()
_FOLDS: Mapping[Fold, Callable[[tuple[int, int]], int]] = {Fold.SUM: sum, Fold.MIN: min, Fold.MAX: max}


def measures_of(row: Row) -> dict[str, int]:
    """The measures of a cell that has a single row."""
    months, costed = row.months, row.cost is not None
    return {
        "transactions": 1,
        "revenue": row.price,
        "min_price": row.price,
        "max_price": row.price,
        "durations": int(months is not None),
        "months": months or 0,
        "months_squared": (months or 0) ** 2,
        "min_months": months or Fold.MIN.neutral,
        "max_months": months or 0,
        "costed": int(costed),
        "cost": row.cost or 0,
        "costed_revenue": row.price if costed else 0,
    }


def file_lines(total: Partial, header_lines: int) -> list[int]:
    """The line in the file (from 1) of each reject of `total`, the sum of all partials of a job with one part."""
    layout = Layout(Dialect(), fields=0, positions={}, data_start=0, header_lines=header_lines)
    lines = FileLines(total.lines, [Part("source.csv", "version", layout)])
    return [lines.place(reject.batch, reject.line).line for reject in total.rejects]


def cells_of_rows(rows: Iterable[Row]) -> Cells:
    """The cells that a cube of the rows must have."""
    cells: Cells = {}
    for row in rows:
        cell = cells.setdefault((row.city, row.day, row.type, row.model), {})
        for name, value in measures_of(row).items():
            cell[name] = _FOLDS[MEASURES[name]]((cell[name], value)) if name in cell else value
    return cells


def cells_of_cube(cube: Cube) -> Cells:
    """The cells of a cube."""
    keys = zip(cube.city.tolist(), cube.day.tolist(), cube.type.tolist(), cube.model.tolist(), strict=True)
    return {
        (cube.cities[city], date.fromordinal(_EPOCH + day), TYPES[kind], cube.models[model]): {
            name: int(cube.measures[name][cell]) for name in MEASURES
        }
        for cell, (city, day, kind, model) in enumerate(keys)
    }


def cube_of_rows(rows: Sequence[Row]) -> Cube:
    """The canonical cube of the rows."""
    if not rows:
        return Cube.empty()
    measures = [measures_of(row) for row in rows]
    one_cell_per_row = Cube(
        cities=tuple(row.city for row in rows),
        models=tuple(row.model for row in rows),
        city=np.arange(len(rows)),
        day=np.array([row.day.toordinal() - _EPOCH for row in rows]),
        type=np.array([TYPES.index(row.type) for row in rows]),
        model=np.arange(len(rows)),
        measures={name: np.array([values[name] for values in measures]) for name in MEASURES},
    )
    return merge([one_cell_per_row])


def planned(file: File) -> Layout:
    """The layout of a file."""
    return sniff_bytes(file.data, DialectOptions.read(file.given)).layout


def map_ranges(
    data: bytes, layout: Layout, ranges: Sequence[ByteRange], max_record_bytes: int = MAX_RECORD_BYTES
) -> list[Partial]:
    """The partials of a file that is cut into one batch per range."""
    ahead = ahead_bytes(max_record_bytes)
    return [
        map_batch(data[start : start + length], data[start + length :][:ahead], layout, batch, max_record_bytes)
        for batch, (start, length) in enumerate(ranges)
    ]


def map_whole(data: bytes, layout: Layout, max_record_bytes: int = MAX_RECORD_BYTES) -> Partial:
    """The partial of a whole file mapped as one batch."""
    return map_batch(data[layout.data_start :], b"", layout, 0, max_record_bytes)


@st.composite
def cuts(draw: st.DrawFn, data: bytes, start: int, line_end: bytes = b"\n") -> list[ByteRange]:
    """Ways to cut a file from `start` on: as the planner does, or at any line edges."""
    if draw(st.booleans()):
        batch_bytes = draw(st.integers(1, 300))
        return list(cut(start, len(data), batch_bytes, lambda offset, length: data[offset : offset + length], line_end))
    edges = [offset + 1 for offset in range(start, len(data) - 1) if data[offset] == ord(line_end)]
    chosen = draw(st.sets(st.sampled_from(edges))) if edges else set()
    bounds = [start, *sorted(chosen), len(data)] if len(data) > start else []
    return [ByteRange(first, last - first) for first, last in pairwise(bounds)]


def ranges_between_records(data: bytes, layout: Layout, batch_bytes: int) -> list[ByteRange]:
    """The ranges of a file that is planned again because a record lies across the edge of two batches."""

    def read(offset: int, length: int) -> bytes:
        return data[offset : offset + length]

    scan = RecordScan(layout.data_start, len(data), read, layout.form)
    return list(cut_at_records(layout.data_start, batch_bytes, scan))


@st.composite
def merged(draw: st.DrawFn, partials: Sequence[Partial]) -> Partial:
    """The sum of partials that went over the wire, in any order and grouping."""
    waiting = [decode(encode(partial)) for partial in draw(st.permutations(partials))]
    while len(waiting) > 1:
        count = draw(st.integers(2, len(waiting)))
        waiting = [*waiting[count:], decode(encode(merge_partials(waiting[:count])))]
    return merge_partials(waiting)


def by_kernel(data: bytes, layout: Layout, ranges: Iterable[ByteRange], **options: int) -> Partial:
    """The partial that the kernel makes of byte ranges, one batch each."""
    mapper = KernelMapper(layout, **options)
    for batch, (start, length) in enumerate(ranges):
        mapper.add(batch, length, reader(data, start))
    return mapper.partial()


def reader(data: bytes, start: int) -> ReadInto:
    """A reader of bytes from `start` on, as if they were a file."""

    def read(offset: int, buffer: memoryview) -> int:
        piece = data[start + offset : start + offset + len(buffer)]
        buffer[: len(piece)] = piece
        return len(piece)

    return read
