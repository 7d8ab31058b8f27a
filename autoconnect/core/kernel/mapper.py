"""The fast mapper: runs the kernel over blocks and maps the records that the kernel defers by the plain mapper.

The plain functions of `schema` decide the meaning of a text, once for each distinct text (`cell_table`), and the
plain mapper decides every record that the kernel is not sure of. So each rule exists once, and the two mappers cannot
disagree.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from autoconnect.core.kernel.blocks import (
    CHUNK,
    DAY_ZERO,
    MARGIN,
    Block,
    Bytes,
    DeferredRecords,
    Shape,
    Span,
    make_deferred,
    make_rows,
)
from autoconnect.core.kernel.cell_table import CellTable
from autoconnect.core.kernel.records import index_block, read_rows
from autoconnect.core.layout import Layout
from autoconnect.core.mapper import ReadInto, map_records, read_bytes
from autoconnect.core.partial import Partial, merge_partials
from autoconnect.core.records import MAX_RECORD_BYTES, NO_STRAY, Record, ahead_bytes, record_end, split_records
from autoconnect.core.schema import MISSING

#: Bytes of a block: large enough that the work of Python per block hardly shows.
BLOCK_BYTES = 1 << 20
#: There is room for the rows of a block if each takes this many bytes; a block of shorter rows is read in parts.
_MIN_ROW_BYTES = 32
#: Deferred records are mapped once they add up to this many bytes.
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
        self._data = np.zeros(MARGIN + block_bytes + MARGIN, np.uint8)
        self._positions = np.empty(block_bytes + 16, np.int32)
        self._rows = make_rows(block_bytes // _MIN_ROW_BYTES + CHUNK)
        self._deferred = make_deferred(block_bytes // 2 + 1)
        self._table = self._new_table()
        self._partials: list[Partial] = []

    def add(self, batch: int, length: int, read: ReadInto) -> None:
        plain = _PlainRecords(self._layout, batch, self._max_record_bytes)
        long = _LongRecords(self._layout, length, read, self._max_record_bytes)
        begin = MARGIN
        offset = line = held = 0
        while offset < length:
            end = begin + min(self._block_bytes, length - offset)
            if read(offset + held, self._data[begin + held : end].data) < end - begin - held:
                return  # the source has become shorter; the caller, who opened it, raises the error
            rest, line = self._map_block(end, line, plain)
            if rest == begin:  # the first record does not end in the block
                records, size, lines = long.read(offset)
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
        """Map the records of a block. Return the start and line of the first record that does not end in it."""
        block = Block(self._data, self._positions, MARGIN, end, line)
        count, ascii_only = index_block(block, self._shape.delimiter)
        self._deferred.used[0] = 0
        texts = self._table.texts()
        rows, rest, line = read_rows(block, count, ascii_only, self._shape, texts, self._rows, self._deferred)
        self._table.fold(self._rows, rows, self._deferred)
        if self._table.is_full():
            self._partials.append(Partial(self._table.cube()))
            self._table = self._new_table()
        plain.add_deferred(self._data, self._deferred)
        return rest, line

    def _new_table(self) -> CellTable:
        return CellTable(self._layout, _spans(self._layout), self._block_bytes)


class _PlainRecords:
    """Records of a batch that the plain mapper maps, in groups of _PLAIN_BYTES."""

    def __init__(self, layout: Layout, batch: int, max_record_bytes: int) -> None:
        self._layout = layout
        self._batch = batch
        self._max_record_bytes = max_record_bytes
        self._records: list[Record] = []
        self._bytes = 0
        self._partial = Partial()

    def add_deferred(self, data: Bytes, deferred: DeferredRecords) -> None:
        """Add the records of a block that the kernel has deferred."""
        count = int(deferred.used[0])
        positions = zip(
            deferred.start[:count].tolist(), deferred.end[:count].tolist(), deferred.line[:count].tolist(), strict=True
        )
        for start, end, line in positions:
            self.add(Record(line, data[start:end].tobytes()))

    def add(self, record: Record) -> None:
        """Add one record."""
        if len(record.raw) > self._max_record_bytes:
            record = record._replace(fault="record_too_long")
        self._records.append(record)
        self._bytes += len(record.raw)
        if self._bytes >= _PLAIN_BYTES:
            self._map()

    def partial(self) -> Partial:
        """The partial of all records that were added."""
        self._map()
        return self._partial

    def _map(self) -> None:
        if self._records:
            self._records.sort()
            # Merged at once, so that no more rejects are held than are kept.
            mapped = map_records(self._records, self._layout, self._batch)
            self._partial = merge_partials([self._partial, mapped])
            self._records, self._bytes = [], 0


class _LongRecords:
    """Records of a batch that do not end in the kernel's block. They are read by the rules of `records`."""

    def __init__(self, layout: Layout, length: int, read: ReadInto, max_record_bytes: int) -> None:
        self._delimiter = layout.delimiter
        self._length = length
        self._read = read
        self._max_record_bytes = max_record_bytes
        self._stray = NO_STRAY

    def read(self, offset: int) -> tuple[list[Record], int, int]:
        """The record at an offset, as if it began in line 0; its size in bytes, 0 if they are gone; its physical lines.

        If the record has a stray quote, there are more records: the quote may be a stray one for all lines before it.
        """
        text, end, closed = self._read_record(offset)
        if closed:
            size = min(end + 1, self._length - offset)
        else:
            self._stray = max(self._stray, offset + end)
            size = text.rfind(b"\n", 0, min(end, self._max_record_bytes)) + 1 or text.find(b"\n") + 1 or len(text)
        is_whole = closed and end < size  # so that a record that may be very long is not copied once more
        data, ahead = text[:size], b"" if is_whole else text[size : size + ahead_bytes(self._max_record_bytes)]
        del text
        stray = self._stray - offset
        records = list(split_records(data, ahead, self._delimiter, self._max_record_bytes, stray))
        return records, len(data), data.count(b"\n") + (not data.endswith(b"\n"))

    def _read_record(self, offset: int) -> tuple[bytes, int, bool]:
        """Enough text to tell where the record at an offset ends, and the result of `record_end` for it."""
        limit, rest = self._max_record_bytes, self._length - offset
        size = min(2 * limit, rest)
        while True:
            text = read_bytes(self._read, offset, size + ahead_bytes(limit))
            end, closed = record_end(text, 0, size, self._delimiter.encode(), limit, self._stray - offset)
            if size == rest or (end < size if closed else b"\n" in text):
                return text, end, closed
            size = min(2 * size, rest)
            text = b""  # frees it before the next, larger one is read


def _spans(layout: Layout) -> list[list[str]]:
    """The columns of names in the order of the file, neighbours in one list; always three lists."""
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
        id_column=layout.positions["id"],
        date_column=layout.positions["date"],
        price_column=layout.positions["price"],
        duration_column=layout.positions.get("duration", -1),
        cost_column=layout.positions.get("cost", -1),
        spans=(first, second, third),
        delimiter=np.uint8(ord(layout.delimiter)),
        decimal=np.uint8(ord(layout.decimal)),
        is_utf8=layout.encoding == "utf-8",
        max_record_bytes=max_record_bytes,
        missing_words=_missing_words(),
        month_starts=_month_starts(),
    )


@cache
def _missing_words() -> NDArray[np.uint64]:
    words = (int.from_bytes(word.encode(), "little") | len(word) << 56 for word in sorted(MISSING))
    return np.array(list(words), np.uint64)


@cache
def _month_starts() -> NDArray[np.int32]:
    months = np.arange("0001-01", "10000-02", dtype="datetime64[M]")
    return months.astype("datetime64[D]").astype(np.int32) - np.int32(DAY_ZERO)
