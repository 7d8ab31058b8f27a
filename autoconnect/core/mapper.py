"""The interface of a mapper, which turns batches into a partial, and the plain mapper, which defines the input rules.

The plain mapper prefers clarity to speed: it reads row by row, by the rules of `rows`.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
import pandas as pd

from autoconnect.core.batch_tally import BatchTally
from autoconnect.core.cube import MEASURES, Cube, merge
from autoconnect.core.layout import Layout
from autoconnect.core.partial import Partial, merge_partials
from autoconnect.core.records import MAX_RECORD_BYTES, Record, ahead_bytes, split_records
from autoconnect.core.rows import Values, read_rows
from autoconnect.core.schema import ABSENT

#: Fills a buffer with bytes from an offset in a batch, or in the source after it; returns the number of bytes read.
ReadInto = Callable[[int, memoryview], int]


class Mapper(Protocol):
    """Maps batches of one source, one after the other, to a single partial."""

    def add(self, batch: int, length: int, read: ReadInto) -> None:
        """Map a batch of `length` bytes that begins and ends at line edges; `batch` is its number in the job.

        Raises RecordCrossesBatch if a record does not end within the batch.
        """

    @property
    def rows(self) -> int:
        """The approximate number of rows mapped so far: enough to tell whether a partial is worth writing."""

    @property
    def cells(self) -> int:
        """The number of cells of the rows mapped so far, or somewhat more: some may be in two tables."""

    def partial(self) -> Partial:
        """Return the sum of the batches so far.

        Raises CubeError if a sum does not fit in 64 bits.
        """


class PlainMapper:
    """Reads and maps each batch whole, in memory."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._partials: list[Partial] = []

    def add(self, batch: int, length: int, read: ReadInto) -> None:
        data = read_bytes(read, 0, length)
        ahead = read_bytes(read, length, ahead_bytes()) if b'"' in data else b""
        self._partials.append(map_batch(data, ahead, self._layout, batch))

    @property
    def rows(self) -> int:
        return sum(partial.rows_accepted for partial in self._partials)

    @property
    def cells(self) -> int:
        return sum(len(partial.cube) for partial in self._partials)

    def partial(self) -> Partial:
        return merge_partials(self._partials)


def map_batch(
    data: bytes, ahead: bytes, layout: Layout, batch: int = 0, max_record_bytes: int = MAX_RECORD_BYTES
) -> Partial:
    """The partial of one batch.

    `data` is the byte range of the batch, which begins and ends at line edges; `ahead` are the bytes after it in the
    source, as `split_records` needs them. `batch` is the number of the batch in its job.

    Raises RecordCrossesBatch if a record does not end within the range, and CubeError if a sum does not fit in 64 bits.
    """
    line_end = layout.form.line_end
    lines = data.count(line_end) + (not data.endswith(line_end) and data != b"")
    partial = map_records(split_records(data, ahead, layout.form, max_record_bytes), layout, batch)
    return replace(partial, lines={batch: lines})


def map_records(records: Iterable[Record], layout: Layout, batch: int) -> Partial:
    """The partial of records of a batch, given in the order of their lines; its `lines` are empty."""
    accepted: list[Values] = []
    tally = BatchTally(layout, batch)
    for row in read_rows(records, layout):
        tally.add(row)
        if row.values:
            accepted.append(row.values)
    return Partial(_cube_of(accepted), {}, dict(tally.rejected), tally.rejects, tally.first_rejects, tally.sightings)


def read_bytes(read: ReadInto, offset: int, length: int) -> bytes:
    """Read bytes of a batch, or of the source after it; fewer than `length` only at the end of the source."""
    buffer = memoryview(bytearray(length))
    return bytes(buffer[: read(offset, buffer)])


def _cube_of(values: Sequence[Values]) -> Cube:
    """The cells of accepted rows."""
    rows = pd.DataFrame(values, columns=Values._fields)
    price, months, cost = (rows[name].to_numpy(np.int64) for name in ("price", "duration", "cost"))
    has_duration = months != ABSENT
    has_cost = cost != ABSENT
    measures = {
        "transactions": np.ones_like(price),
        "revenue": price,
        "min_price": price,
        "max_price": price,
        "durations": has_duration.astype(np.int64),
        "months": np.where(has_duration, months, 0),
        "months_squared": np.where(has_duration, months * months, 0),
        "min_months": np.where(has_duration, months, MEASURES["min_months"].neutral),
        "max_months": np.where(has_duration, months, 0),
        "costed": has_cost.astype(np.int64),
        "cost": np.where(has_cost, cost, 0),
        "costed_revenue": np.where(has_cost, price, 0),
    }
    city, cities = pd.factorize(rows["city"].to_numpy(object))
    model, models = pd.factorize(rows["model"].to_numpy(object))
    day, kind = (rows[name].to_numpy(np.int64) for name in ("date", "type"))
    return merge([Cube(tuple(cities), tuple(models), city, day, kind, model, measures)])
