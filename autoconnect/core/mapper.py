"""The interface of a mapper, which turns batches into a partial, and the plain mapper, which defines the input rules.

The plain mapper prefers clarity to speed. It reads each distinct value of a column once, by the readers of `schema`.
"""

import codecs
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoconnect.core.cube import MEASURES, Cube, Ints, merge
from autoconnect.core.layout import Layout
from autoconnect.core.partial import MAX_RAW, MAX_REJECTS, Partial, Reject, merge_partials
from autoconnect.core.records import MAX_RECORD_BYTES, Record, ahead_bytes, split_fields, split_records
from autoconnect.core.schema import ABSENT, REASONS, RENTAL, Refused, readers

Objects = NDArray[np.object_]
#: Fills a buffer with bytes from an offset in a batch, or in the source after it; returns the number of bytes read.
ReadInto = Callable[[int, memoryview], int]

#: The rank of an accepted row, in place of the rank of a reason.
_ACCEPTED = len(REASONS)
#: Bytes of a faulty record that are decoded at a time.
_PIECE_BYTES = 1 << 20
_RANK = {reason: rank for rank, reason in enumerate(REASONS)}


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
        """The number of cells of the rows mapped so far."""

    def partial(self) -> Partial:
        """Return the sum of the batches; the mapper cannot be used afterwards.

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
    partial = map_records(split_records(data, ahead, layout.delimiter, max_record_bytes), layout, batch)
    return replace(partial, lines={batch: data.count(b"\n") + (not data.endswith(b"\n") and data != b"")})


def map_records(records: Iterable[Record], layout: Layout, batch: int) -> Partial:
    """The partial of records of a batch, given in the order of their lines; its `lines` are empty."""
    rejected: list[tuple[Record, str]] = []
    row_records: list[Record] = []
    rows: list[list[str]] = []
    for record in records:
        fields, reason = _read_record(record, layout)
        if reason is None:
            row_records.append(record)
            rows.append(fields)
        else:
            rejected.append((record, reason))
    columns, ranks = _read_columns(rows, layout)
    rejected += [(row_records[row], REASONS[ranks[row]]) for row in np.flatnonzero(ranks != _ACCEPTED)]
    rejected.sort(key=lambda reject: reject[0].line)
    return Partial(
        cube=_cube_of_rows(columns[ranks == _ACCEPTED]),
        rejected=dict(Counter(reason for _, reason in rejected)),
        rejects=[
            Reject(batch, record.line, reason, _excerpt(record.raw, layout))
            for record, reason in rejected[:MAX_REJECTS]
        ],
    )


def _excerpt(raw: bytes, layout: Layout) -> str:
    """The first MAX_RAW characters of a record; a character has 4 bytes at most."""
    return raw[: 4 * MAX_RAW].decode(layout.encoding, "backslashreplace")[:MAX_RAW]


def read_bytes(read: ReadInto, offset: int, length: int) -> bytes:
    """Read bytes of a batch, or of the source after it; fewer than `length` only at the end of the source."""
    buffer = memoryview(bytearray(length))
    return bytes(buffer[: read(offset, buffer)])


def _read_record(record: Record, layout: Layout) -> tuple[list[str], str | None]:
    """The fields of a record, and the reason to reject it if its line is at fault."""
    try:
        if record.fault:
            _decode_in_pieces(record.raw, layout.encoding)
            return [], record.fault
        text = record.raw.decode(layout.encoding)
    except UnicodeDecodeError:
        return [], "bad_encoding"
    fields = split_fields(text, layout.delimiter)
    return fields, None if len(fields) == layout.fields else "field_count"


def _decode_in_pieces(raw: bytes, encoding: str) -> None:
    """Raise UnicodeDecodeError if a record, which may be very long, cannot be decoded."""
    decoder = codecs.getincrementaldecoder(encoding)()
    for start in range(0, len(raw), _PIECE_BYTES):
        decoder.decode(raw[start : start + _PIECE_BYTES])
    decoder.decode(b"", final=True)


def _read_columns(rows: Sequence[Sequence[str]], layout: Layout) -> tuple[pd.DataFrame, Ints]:
    """The values of all rows by column, and the rank of the first reason to reject each row."""
    columns: dict[str, Objects] = {}
    ranks: dict[str, Ints] = {}
    for name, read in readers(layout.decimal).items():
        position = layout.positions.get(name)
        fields = [row[position] for row in rows] if position is not None else [""] * len(rows)
        columns[name], ranks[name] = _read_column(fields, read)
    # A duration counts for rentals only.
    not_rental = columns["type"] != RENTAL
    columns["duration"][not_rental] = ABSENT
    ranks["duration"][not_rental] = _ACCEPTED
    return pd.DataFrame(columns), np.minimum.reduce(list(ranks.values()))


def _read_column(fields: list[str], read: Callable[[str], int | str]) -> tuple[Objects, Ints]:
    codes, distinct = pd.factorize(np.array(fields, dtype=object))
    values: list[int | str] = []
    ranks: list[int] = []
    for field in distinct:
        try:
            values.append(read(field.strip()))
            ranks.append(_ACCEPTED)
        except Refused as refused:
            values.append(ABSENT)
            ranks.append(_RANK[refused.reason])
    return np.array(values, dtype=object)[codes], np.array(ranks, np.int64)[codes]


def _cube_of_rows(rows: pd.DataFrame) -> Cube:
    """The cells of accepted rows."""
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
    city, cities = pd.factorize(rows["city"].to_numpy())
    model, models = pd.factorize(rows["model"].to_numpy())
    day, kind = (rows[name].to_numpy(np.int64) for name in ("date", "type"))
    return merge([Cube(tuple(cities), tuple(models), city, day, kind, model, measures)])
