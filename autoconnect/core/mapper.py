"""What a mapper does, and the plain one: batches become a partial. It defines the input rules, clear before fast.

Fields are read once for each distinct value of a column, by the plain functions of `schema`.
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
#: Reads bytes of a batch, or what follows it in the source, from an offset on into a buffer; returns how many.
ReadInto = Callable[[int, memoryview], int]

#: In place of a reason's rank: the row is accepted.
_ACCEPTED = len(REASONS)
#: A record at fault is decoded in pieces of so many bytes.
_PIECE_BYTES = 1 << 20
_RANK = {reason: rank for rank, reason in enumerate(REASONS)}


class Mapper(Protocol):
    """Maps batches of one source, one after the other, to one partial."""

    def add(self, batch: int, length: int, read: ReadInto) -> None:
        """Maps a batch of `length` bytes, which begins and ends at line edges; `batch` is its number in its job.

        Raises RecordCrossesBatch where a record does not end within the batch.
        """

    @property
    def rows(self) -> int:
        """About how many rows were mapped: whether a partial is worth writing does not need all of them."""

    @property
    def cells(self) -> int:
        """How many cells they became, so far."""

    def partial(self) -> Partial:
        """What the batches add up to, and the end of this mapper.

        Raises CubeError where a sum would leave 64 bits.
        """


class PlainMapper:
    """Maps each batch as a whole, in memory."""

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

    `data` is the batch's byte range, which begins and ends at line edges; `ahead` is what follows it in the source, as
    `split_records` needs it. `batch` is the number of the batch in its job.

    Raises RecordCrossesBatch where a record does not end within the range, and CubeError where a sum would leave 64
    bits.
    """
    partial = map_records(split_records(data, ahead, layout.delimiter, max_record_bytes), layout, batch)
    return replace(partial, lines={batch: data.count(b"\n") + (not data.endswith(b"\n") and data != b"")})


def map_records(records: Iterable[Record], layout: Layout, batch: int) -> Partial:
    """The partial of some records of a batch, in the order of their lines; it says nothing of the number of lines."""
    rejected: list[tuple[Record, str]] = []
    read: list[Record] = []
    rows: list[list[str]] = []
    for record in records:
        fields, reason = _read_record(record, layout)
        if reason is None:
            read.append(record)
            rows.append(fields)
        else:
            rejected.append((record, reason))
    columns, ranks = _read_columns(rows, layout)
    rejected += [(read[row], REASONS[ranks[row]]) for row in np.flatnonzero(ranks != _ACCEPTED)]
    rejected.sort(key=lambda judged: judged[0].line)
    return Partial(
        cube=_cube_of_rows(columns[ranks == _ACCEPTED]),
        rejected=dict(Counter(reason for _, reason in rejected)),
        rejects=[
            Reject(batch, record.line, reason, _shown(record.raw, layout)) for record, reason in rejected[:MAX_REJECTS]
        ],
    )


def _shown(raw: bytes, layout: Layout) -> str:
    """The first MAX_RAW characters, of which each takes 4 bytes at most."""
    return raw[: 4 * MAX_RAW].decode(layout.encoding, "backslashreplace")[:MAX_RAW]


def read_bytes(read: ReadInto, offset: int, length: int) -> bytes:
    """Bytes of a batch and of what follows it, fewer only at the source's end."""
    text = bytearray(length)
    return bytes(memoryview(text)[: read(offset, memoryview(text))])


def _read_record(record: Record, layout: Layout) -> tuple[list[str], str | None]:
    """The fields of a record, or the reason why it has none."""
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
    """Raises UnicodeDecodeError where a record, which may be very long, cannot be decoded."""
    decoder = codecs.getincrementaldecoder(encoding)()
    for start in range(0, len(raw), _PIECE_BYTES):
        decoder.decode(raw[start : start + _PIECE_BYTES])
    decoder.decode(b"", final=True)


def _read_columns(rows: Sequence[Sequence[str]], layout: Layout) -> tuple[pd.DataFrame, Ints]:
    """The values of all rows by column, and for each row the rank of the first reason against it."""
    columns: dict[str, Objects] = {}
    ranks: dict[str, Ints] = {}
    for name, read in readers(layout.decimal).items():
        place = layout.positions.get(name)
        texts = [row[place] for row in rows] if place is not None else [""] * len(rows)
        columns[name], ranks[name] = _read_column(texts, read)
    # A duration is looked at for rentals only.
    other = columns["type"] != RENTAL
    columns["duration"][other] = ABSENT
    ranks["duration"][other] = _ACCEPTED
    return pd.DataFrame(columns), np.minimum.reduce(list(ranks.values()))


def _read_column(texts: list[str], read: Callable[[str], int | str]) -> tuple[Objects, Ints]:
    codes, distinct = pd.factorize(np.array(texts, dtype=object))
    values: list[int | str] = []
    ranks: list[int] = []
    for text in distinct:
        try:
            values.append(read(text.strip()))
            ranks.append(_ACCEPTED)
        except Refused as refused:
            values.append(ABSENT)
            ranks.append(_RANK[refused.reason])
    return np.array(values, dtype=object)[codes], np.array(ranks, np.int64)[codes]


def _cube_of_rows(rows: pd.DataFrame) -> Cube:
    """The cells of accepted rows."""
    price, months, cost = (rows[name].to_numpy(np.int64) for name in ("price", "duration", "cost"))
    timed = months != ABSENT
    costed = cost != ABSENT
    measures = {
        "transactions": np.ones_like(price),
        "revenue": price,
        "min_price": price,
        "max_price": price,
        "durations": timed.astype(np.int64),
        "months": np.where(timed, months, 0),
        "months_squared": np.where(timed, months * months, 0),
        "min_months": np.where(timed, months, MEASURES["min_months"].neutral),
        "max_months": np.where(timed, months, 0),
        "costed": costed.astype(np.int64),
        "cost": np.where(costed, cost, 0),
        "costed_revenue": np.where(costed, price, 0),
    }
    city, cities = pd.factorize(rows["city"].to_numpy())
    model, models = pd.factorize(rows["model"].to_numpy())
    day, kind = (rows[name].to_numpy(np.int64) for name in ("date", "type"))
    return merge([Cube(tuple(cities), tuple(models), city, day, kind, model, measures)])
