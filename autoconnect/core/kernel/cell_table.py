"""The tables that the kernel writes to: the texts it has read, and the cells. They grow here, between its runs."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from autoconnect.core.cube import Cube, Ints, merge
from autoconnect.core.kernel.blocks import DAY_ZERO, DEFERRED, MARGIN, MAX_MONTHS, DeferredRecords, Rows
from autoconnect.core.kernel.cells import DAY_BITS, MAX_INT64, NAME_BITS, TYPE_BITS, Cells, fold_rows, move_cells
from autoconnect.core.kernel.texts import HEAD, TextTable, TextTables, rehash_texts
from autoconnect.core.layout import Layout
from autoconnect.core.records import split_fields
from autoconnect.core.schema import Refused, readers

Number = TypeVar("Number", bound=np.generic)

#: A table is full after this many rows, lest a sum leave 64 bits or a count 32: amounts that the kernel is sure of are
#: less than 10^10 cents.
_MAX_ROWS = 1 << 29
#: And after this many names of a column, lest the number of a name leave its bits in a cell's key.
_MAX_NAMES = 1 << (NAME_BITS - 1)

_INITIAL_TEXTS = 1 << 10
_INITIAL_PAGES = 1 << 10
_PAGE_SHIFT = 5
#: A table that outgrows this many cells (32 MB), with a small share of them in use, continues with one cell per page.
_SPARSE_CELLS = 1 << 19
_SPARSE_SHARE = 1 / 4


class CellTable:
    """The cells of rows that the kernel has read, and the names in their keys."""

    def __init__(self, layout: Layout, spans: Sequence[Sequence[str]], max_bytes: int) -> None:
        """`spans` are three groups of neighbouring columns of names; `max_bytes` is the size of the largest block."""
        columns = {name: _NameColumn(layout, name) for name in ("city", "type", "model")}
        self._cities, self._models = columns["city"].numbers, columns["model"].numbers
        self._spans = [_SpanTexts(layout, [columns[name] for name in span], max_bytes) for span in spans]
        self._cells = _make_cells(_INITIAL_PAGES, _PAGE_SHIFT, with_costs="cost" in layout.positions)
        #: Rows that were read, deferred ones among them.
        self.rows = 0

    def texts(self) -> TextTables:
        """The texts of each span, with room for those of another block."""
        first, second, third = (span.make_room() for span in self._spans)
        return first, second, third

    def fold(self, rows: Rows, count: int, deferred: DeferredRecords) -> None:
        """Add rows to their cells; a row with a refused name or an unsure value goes to `deferred`."""
        first, second, third = (span.judge() for span in self._spans)
        row = 0
        while (row := fold_rows(rows, row, count, (first, second, third), self._cells, deferred)) < count:
            self._cells = _larger(self._cells)
        self.rows += count

    @property
    def cells(self) -> int:
        """The number of cells in use."""
        return len(_used_cells(self._cells))

    def is_full(self) -> bool:
        """Whether another block could be too much for sums of 64 bits, or for the numbers of names in a key."""
        return self.rows >= _MAX_ROWS or max(len(self._cities), len(self._models)) >= _MAX_NAMES

    def cube(self) -> Cube:
        """The cube of all rows."""
        cells = self._cells
        used = _used_cells(cells)
        key, within_page = cells.keys[used >> cells.shift], used & ((1 << cells.shift) - 1)
        names, page = key >> DAY_BITS, key & ((1 << DAY_BITS) - 1)
        cube = Cube(
            cities=tuple(self._cities),
            models=tuple(self._models),
            city=names >> (NAME_BITS + TYPE_BITS),
            day=(page << cells.shift) + within_page + DAY_ZERO,
            type=names & ((1 << TYPE_BITS) - 1),
            model=(names >> TYPE_BITS) & ((1 << NAME_BITS) - 1),
            measures=_measures(cells, used),
        )
        return merge([cube])


class _NameColumn:
    """A column of names: the number of each name, and the bits of each field in the key of a cell."""

    def __init__(self, layout: Layout, column: str) -> None:
        self._read = readers(layout.decimal)[column]
        self._shift = DAY_BITS + {"type": 0, "model": TYPE_BITS}.get(column, TYPE_BITS + NAME_BITS)
        self._bits: dict[str, int] = {}
        #: Numbers of names, in order of appearance.
        self.numbers: dict[str, int] = {}

    def bits(self, field: str) -> int:
        """The bits of a field, or DEFERRED."""
        if field not in self._bits:
            self._bits[field] = self._judge(field.strip())
        return self._bits[field]

    def _judge(self, field: str) -> int:
        try:
            value = self._read(field)
        except Refused:
            return DEFERRED
        number = value if isinstance(value, int) else self.numbers.setdefault(value, len(self.numbers))
        return number << self._shift


class _SpanTexts:
    """The distinct texts of a span of columns of names, and the bits of each in the key of a cell."""

    def __init__(self, layout: Layout, columns: Sequence[_NameColumn], max_bytes: int) -> None:
        self._encoding, self._delimiter = layout.encoding, layout.delimiter
        self._columns = columns
        self._max_bytes = max_bytes
        self._judged = 0
        self._key_bits = np.zeros(_INITIAL_TEXTS, np.int64)
        self._texts = TextTable(
            slots=np.zeros(_slots_for(_INITIAL_TEXTS), np.int64),
            heads=np.empty(HEAD * _INITIAL_TEXTS, np.uint8),
            sizes=np.empty(_INITIAL_TEXTS, np.int64),
            starts=np.empty(_INITIAL_TEXTS, np.int64),
            content=np.empty(max_bytes + MARGIN, np.uint8),
            used=np.zeros(2, np.int64),
        )

    def make_room(self) -> TextTable:
        """The texts, with room for the largest number that another block can add."""
        texts, (count, content_bytes) = self._texts, self._texts.used.tolist()
        if 2 * count > len(texts.sizes):
            capacity = 4 * count
            self._texts = texts._replace(
                slots=np.zeros(_slots_for(capacity), np.int64),
                heads=_longer(texts.heads, HEAD * count, HEAD * capacity),
                sizes=_longer(texts.sizes, count, capacity),
                starts=_longer(texts.starts, count, capacity),
            )
            self._key_bits = _longer(self._key_bits, count, capacity)
            rehash_texts(self._texts)
        if content_bytes + self._max_bytes + MARGIN > len(texts.content):
            capacity = 2 * content_bytes + self._max_bytes + MARGIN
            self._texts = self._texts._replace(content=_longer(texts.content, content_bytes, capacity))
        return self._texts

    def judge(self) -> NDArray[np.int64]:
        """By the code of a text: its bits in the key of a cell, or DEFERRED."""
        texts, count = self._texts, int(self._texts.used[0])
        for code in range(self._judged, count):
            start = int(texts.starts[code])
            self._key_bits[code] = self._bits(texts.content[start : start + int(texts.sizes[code])].tobytes())
        self._judged = count
        return self._key_bits

    def _bits(self, text: bytes) -> int:
        fields = split_fields(text.decode(self._encoding), self._delimiter)
        bits = 0
        for column, field in zip(self._columns, fields, strict=True):
            bits |= column.bits(field)  # DEFERRED has all bits set
        return bits


def _longer(array: NDArray[Number], used: int, capacity: int) -> NDArray[Number]:
    longer = np.empty(capacity, array.dtype)
    longer[:used] = array[:used]
    return longer


def _slots_for(capacity: int) -> int:
    """The size of a hash table for `capacity` entries: a power of two, at most half full."""
    return 1 << (2 * capacity - 1).bit_length()


def _make_cells(pages: int, shift: int, *, with_costs: bool) -> Cells:
    cells = pages << shift
    return Cells(
        slots=np.zeros(2 * _slots_for(pages), np.int64),
        keys=np.empty(pages, np.int64),
        measures=_aligned_zeros(cells),
        costs=np.zeros((cells if with_costs else 0, 3), np.int64),
        shift=shift,
        used=np.zeros(1, np.int64),
    )


def _aligned_zeros(cells: int) -> NDArray[np.int64]:
    """Rows of 8 zeros, each of them one cache line."""
    zeros = np.zeros(8 * (cells + 1), np.int64)
    first = -zeros.ctypes.data % 64 // 8
    return zeros[first : first + 8 * cells].reshape(cells, 8)


def _larger(cells: Cells) -> Cells:
    """The same cells with room for more."""
    used, size = len(_used_cells(cells)), len(cells.measures)
    if cells.shift and size >= _SPARSE_CELLS and used < size * _SPARSE_SHARE:
        pages, shift = 4 * used, 0
    else:
        pages, shift = (4 if size < _SPARSE_CELLS else 2) * len(cells.keys), cells.shift
    larger = _make_cells(pages, shift, with_costs=len(cells.costs) > 0)
    move_cells(cells, larger)
    return larger


def _used_cells(cells: Cells) -> NDArray[np.intp]:
    return np.flatnonzero(cells.measures[: int(cells.used[0]) << cells.shift, 0])


def _measures(cells: Cells, used: NDArray[np.intp]) -> dict[str, Ints]:
    """The measures of the cells in use. The kernel has some of them as their distance from a bound."""
    counts, revenue, max_price, below, months, months_squared, max_months, months_below = cells.measures[used].T
    costed, cost, costed_revenue = cells.costs[used].T if len(cells.costs) else np.zeros((3, len(used)), np.int64)
    return {
        "transactions": counts & 0xFFFFFFFF,
        "revenue": revenue,
        "min_price": MAX_INT64 - below,
        "max_price": max_price,
        "durations": counts >> 32,
        "months": months,
        "months_squared": months_squared,
        "min_months": np.where(months_below, MAX_MONTHS + 1 - months_below, MAX_INT64),
        "max_months": max_months,
        "costed": costed,
        "cost": cost,
        "costed_revenue": costed_revenue,
    }
