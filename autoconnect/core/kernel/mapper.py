"""The fast mapper: runs the kernel over blocks and maps the records that the kernel defers by the plain mapper.

The plain functions of `schema` decide the meaning of a text, once for each distinct text (`cell_table`), and the
plain mapper decides every record that the kernel is not sure of. So each rule exists once, and the two mappers cannot
disagree.
"""

from collections.abc import Iterable

import numpy as np

from autoconnect.core.kernel.blocks import MARGIN, Block, Bytes, DeferredRecords, make_deferred, make_rows
from autoconnect.core.kernel.cell_table import CellTable
from autoconnect.core.kernel.index import make_index
from autoconnect.core.kernel.shapes import shape_of, spans_of
from autoconnect.core.layout import Layout
from autoconnect.core.mapper import ReadInto, map_records, read_bytes
from autoconnect.core.partial import Partial, merge_partials
from autoconnect.core.records import MAX_RECORD_BYTES, NO_STRAY, Record, View, ahead_bytes, split_records

#: Bytes of a block: large enough that the work of Python per block hardly shows.
BLOCK_BYTES = 1 << 20
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
        self._shape = shape_of(layout, max_record_bytes)
        self._data = np.zeros(MARGIN + block_bytes + MARGIN, np.uint8)
        self._index = make_index()
        self._rows = make_rows()
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
                plain.add(records, line)
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
        return sum(len(partial.cube) for partial in self._partials) + self._table.cells

    def partial(self) -> Partial:
        return merge_partials([*self._partials, Partial(self._table.cube())])

    def _map_block(self, end: int, line: int, plain: "_PlainRecords") -> tuple[int, int]:
        """Map the records of a block. Return the start and line of the first record that does not end in it."""
        self._deferred.used[0] = 0
        block = Block(self._data, MARGIN, end, line)
        cursor = self._table.map(block, self._shape, self._index, self._rows, self._deferred)
        plain.add_deferred(self._data, self._deferred)
        if self._table.is_full():
            self._partials.append(Partial(self._table.cube()))
            self._table = self._new_table()
        return cursor.start, cursor.line

    def _new_table(self) -> CellTable:
        return CellTable(self._layout, spans_of(self._layout))


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
            deferred.start[:count].tolist(),
            deferred.following[:count].tolist(),
            deferred.line[:count].tolist(),
            strict=True,
        )
        for start, following, line in positions:
            text = data[start:following].tobytes()
            self.add(split_records(text, b"", self._layout.form, self._max_record_bytes), line)

    def add(self, records: Iterable[Record], line: int) -> None:
        """Add records whose lines count from `line`."""
        for record in records:
            self._records.append(record._replace(line=line + record.line))
            self._bytes += len(record.raw)
        if self._bytes >= _PLAIN_BYTES:
            self._map()

    def partial(self) -> Partial:
        """The partial of all records that were added."""
        self._map()
        return self._partial

    def _map(self) -> None:
        if self._records:
            self._records.sort(key=lambda record: record.line)
            # Merged at once, so that no more rejects are held than are kept.
            mapped = map_records(self._records, self._layout, self._batch)
            self._partial = merge_partials([self._partial, mapped])
            self._records, self._bytes = [], 0


class _LongRecords:
    """Records of a batch that do not end in the kernel's block. They are read by the rules of `records`."""

    def __init__(self, layout: Layout, length: int, read: ReadInto, max_record_bytes: int) -> None:
        self._form = layout.form
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
            size = self._lines_before(text, min(end, self._max_record_bytes, self._length - offset))
        is_whole = closed and end < size  # so that a record that may be very long is not copied once more
        data, ahead = text[:size], b"" if is_whole else text[size : size + ahead_bytes(self._max_record_bytes)]
        del text
        line_end, stray = self._form.line_end, self._stray - offset
        records = list(split_records(data, ahead, self._form, self._max_record_bytes, stray))
        return records, len(data), data.count(line_end) + (not data.endswith(line_end))

    def _lines_before(self, text: bytes, end: int) -> int:
        """The size of the whole lines before `end`, or of the first one if there are none."""
        line_end = self._form.line_end
        return text.rfind(line_end, 0, end) + 1 or text.find(line_end) + 1 or len(text)

    def _read_record(self, offset: int) -> tuple[bytes, int, bool]:
        """Enough text to tell where the record at an offset ends, and the result of `View.record_end` for it."""
        limit, rest = self._max_record_bytes, self._length - offset
        size = min(2 * limit, rest)
        while True:
            text = read_bytes(self._read, offset, size + ahead_bytes(limit))
            end, closed = View(text, size, self._form, limit).record_end(0, self._stray - offset)
            if size == rest or (end < size if closed else self._form.line_end in text):
                return text, end, closed
            size = min(2 * size, rest)
            text = b""  # frees it before the next, larger one is read
