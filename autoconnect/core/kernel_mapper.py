"""The fast mapper: runs the kernel over blocks, and gives the plain mapper what the kernel leaves.

What a name's text means is decided by the plain functions of `schema`, once for each distinct text (`kernel_table`),
and what the kernel is not sure of by the plain mapper. So the rules exist once, and the two mappers cannot disagree.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from autoconnect.core import kernel
from autoconnect.core.kernel import Block, Lines, Shape, Span
from autoconnect.core.kernel_table import CellTable
from autoconnect.core.layout import Layout
from autoconnect.core.mapper import ReadInto, map_records, read_bytes
from autoconnect.core.partial import Partial, merge_partials
from autoconnect.core.records import MAX_RECORD_BYTES, NO_STRAY, Record, ahead_bytes, record_end, split_records
from autoconnect.core.schema import MISSING

#: What is worked on at a time: so much that what Python does for each block hardly shows.
BLOCK_BYTES = 1 << 20
#: There is room for as many rows as a block has where each takes so much; where they take less, it is read in parts.
_LEAST_ROW_BYTES = 32
#: Records left by the kernel are given to the plain mapper in blocks of so many bytes.
_PLAIN_BYTES = 1 << 20


class KernelMapper:
    """Maps batches of one layout, one after the other, to one partial."""

    def __init__(
        self, layout: Layout, max_record_bytes: int = MAX_RECORD_BYTES, block_bytes: int = BLOCK_BYTES
    ) -> None:
        self._layout = layout
        self._max_record_bytes = max_record_bytes
        self._block_bytes = block_bytes
        self._shape = _shape_of(layout, max_record_bytes)
        self._data = np.zeros(kernel.MARGIN + block_bytes + kernel.MARGIN, np.uint8)
        self._positions = np.empty(block_bytes + 16, np.int32)
        self._rows = kernel.make_rows(block_bytes // _LEAST_ROW_BYTES + kernel.CHUNK)
        self._deferred = kernel.make_lines(block_bytes // 2 + 1)
        self._table = self._new_table()
        self._partials: list[Partial] = []

    def add(self, batch: int, length: int, read: ReadInto) -> None:
        plain = _PlainRecords(self._layout, batch, self._max_record_bytes)
        out_of_sight = _EndsOutOfSight(self._layout, length, read, self._max_record_bytes)
        begin = kernel.MARGIN
        offset = line = held = 0
        while offset < length:
            end = begin + min(self._block_bytes, length - offset)
            if read(offset + held, self._data[begin + held : end].data) < end - begin - held:
                return  # the source is shorter than it was: whoever has opened it will say so
            rest, line = self._map_block(end, line, plain)
            if rest == begin:  # the record does not end in sight
                records, size, lines = out_of_sight.records(offset)
                if not size:
                    return
                for record in records:
                    plain.add(record._replace(line=line + record.line))
                offset += size
                line += lines
                held = 0
            else:
                offset += rest - begin
                held = end - rest
                self._data[begin : begin + held] = self._data[rest:end]
        self._partials += [Partial(lines={batch: line}), plain.partial()]

    @property
    def rows(self) -> int:
        return self._table.rows

    @property
    def cells(self) -> int:
        return self._table.cells

    def partial(self) -> Partial:
        return merge_partials([*self._partials, Partial(self._table.cube())])

    def _map_block(self, end: int, line: int, plain: "_PlainRecords") -> tuple[int, int]:
        """Maps the records of a block; returns where the first one begins that does not end in it, and its line."""
        block = Block(self._data, self._positions, kernel.MARGIN, end, line)
        count, ascii_only = kernel.index_block(block, self._shape.delimiter)
        self._deferred.used[0] = 0
        texts = self._table.texts()
        found, rest, line = kernel.read_rows(block, count, ascii_only, self._shape, texts, self._rows, self._deferred)
        self._table.fold(self._rows, found, self._deferred)
        if self._table.is_full():
            self._partials.append(Partial(self._table.cube()))
            self._table = self._new_table()
        plain.take(self._data, self._deferred)
        return rest, line

    def _new_table(self) -> CellTable:
        return CellTable(self._layout, _spans(self._layout), self._block_bytes)


class _PlainRecords:
    """Records of a batch that are left to the plain mapper, mapped in blocks."""

    def __init__(self, layout: Layout, batch: int, max_record_bytes: int) -> None:
        self._layout = layout
        self._batch = batch
        self._max_record_bytes = max_record_bytes
        self._records: list[Record] = []
        self._bytes = 0
        self._partial = Partial()

    def take(self, data: kernel.Bytes, deferred: Lines) -> None:
        """Takes over the records of a block of which the kernel was not sure."""
        count = int(deferred.used[0])
        places = zip(
            deferred.start[:count].tolist(), deferred.end[:count].tolist(), deferred.line[:count].tolist(), strict=True
        )
        for start, end, line in places:
            self.add(Record(line, data[start:end].tobytes()))

    def add(self, record: Record) -> None:
        """Takes over one record."""
        if len(record.raw) > self._max_record_bytes:
            record = record._replace(fault="record_too_long")
        self._records.append(record)
        self._bytes += len(record.raw)
        if self._bytes >= _PLAIN_BYTES:
            self._map()

    def partial(self) -> Partial:
        """The partial of all that was taken over."""
        self._map()
        return self._partial

    def _map(self) -> None:
        if self._records:
            self._records.sort()
            # Added up at once, so that no more rejects are held than are kept.
            mapped = map_records(self._records, self._layout, self._batch)
            self._partial = merge_partials([self._partial, mapped])
            self._records, self._bytes = [], 0


class _EndsOutOfSight:
    """Records of a batch whose end the kernel does not see: they are read by the rules of `records`."""

    def __init__(self, layout: Layout, length: int, read: ReadInto, max_record_bytes: int) -> None:
        self._delimiter = layout.delimiter
        self._length = length
        self._read = read
        self._max_record_bytes = max_record_bytes
        self._stray = NO_STRAY

    def records(self, offset: int) -> tuple[list[Record], int, int]:
        """The record at an offset, as if in line 0; the bytes that it takes, 0 where they are gone; its physical lines.

        Where a quote of it is a stray one, they are more records: that quote may be one to all lines before it.
        """
        text, end, closed = self._first(offset)
        if closed:
            size = min(end + 1, self._length - offset)
        else:
            self._stray = max(self._stray, offset + end)
            size = text.rfind(b"\n", 0, min(end, self._max_record_bytes)) + 1 or text.find(b"\n") + 1 or len(text)
        is_whole = closed and end < size  # so that no more copies are made of what may be very long
        data, ahead = text[:size], b"" if is_whole else text[size : size + ahead_bytes(self._max_record_bytes)]
        del text
        stray = self._stray - offset
        records = list(split_records(data, ahead, self._delimiter, self._max_record_bytes, stray))
        return records, len(data), data.count(b"\n") + (not data.endswith(b"\n"))

    def _first(self, offset: int) -> tuple[bytes, int, bool]:
        """As much text as it takes to tell where the record at an offset ends; and what `record_end` says of it."""
        limit, rest = self._max_record_bytes, self._length - offset
        size = min(2 * limit, rest)
        while True:
            text = read_bytes(self._read, offset, size + ahead_bytes(limit))
            end, closed = record_end(text, 0, size, self._delimiter.encode(), limit, self._stray - offset)
            if size == rest or (end < size if closed else b"\n" in text):
                return text, end, closed
            size = min(2 * size, rest)
            text = b""  # not two of them at a time


def _spans(layout: Layout) -> list[list[str]]:
    """The columns of names in the order of the file, those that are neighbours together; always three lists."""
    spans: list[list[str]] = []
    for name in sorted(("city", "type", "model"), key=lambda name: layout.positions[name]):
        if spans and layout.positions[spans[-1][-1]] == layout.positions[name] - 1:
            spans[-1].append(name)
        else:
            spans.append([name])
    return spans + [[]] * (3 - len(spans))


def _shape_of(layout: Layout, max_record_bytes: int) -> Shape:
    first, second, third = (
        Span(layout.positions[span[0]], layout.positions[span[-1]]) if span else Span(-1, -1) for span in _spans(layout)
    )
    return Shape(
        fields=layout.fields,
        id=layout.positions["id"],
        date=layout.positions["date"],
        price=layout.positions["price"],
        duration=layout.positions.get("duration", -1),
        cost=layout.positions.get("cost", -1),
        names=(first, second, third),
        delimiter=np.uint8(ord(layout.delimiter)),
        decimal=np.uint8(ord(layout.decimal)),
        utf8=layout.encoding == "utf-8",
        max_record_bytes=max_record_bytes,
        missing=_missing_words(),
        month_starts=_month_starts(),
    )


@cache
def _missing_words() -> NDArray[np.uint64]:
    words = (int.from_bytes(word.encode(), "little") | len(word) << 56 for word in sorted(MISSING))
    return np.array(list(words), np.uint64)


@cache
def _month_starts() -> NDArray[np.int32]:
    months = np.arange("0001-01", "10000-02", dtype="datetime64[M]")
    return months.astype("datetime64[D]").astype(np.int32) - np.int32(kernel.DAY_ZERO)
