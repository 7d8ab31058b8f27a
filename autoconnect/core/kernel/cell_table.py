"""The tables that the kernel writes to: the texts it has read, and the cells. They grow here, between its runs."""

from collections.abc import Sequence
from functools import reduce
from operator import or_
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from autoconnect.core.cube import Cube, Ints, merge
from autoconnect.core.kernel.blocks import (
    DAY_ZERO,
    MAX_MONTHS,
    Block,
    Cursor,
    DeferredRecords,
    Rows,
    Shape,
)
from autoconnect.core.kernel.cells import (
    DAY_BITS,
    DAY_PAGES,
    MAX_INT64,
    NAME_BITS,
    PAGE_SHIFT,
    TYPE_BITS,
    Cells,
    move_cells,
)
from autoconnect.core.kernel.fold import Meanings
from autoconnect.core.kernel.index import Index
from autoconnect.core.kernel.map import CELLS_FULL, READ, TEXTS_FULL, Progress, map_chunks
from autoconnect.core.kernel.records import Texts
from autoconnect.core.kernel.short_columns import ShortColumn
from autoconnect.core.kernel.span_texts import NameColumn, SpanTexts, slots_for
from autoconnect.core.layout import Layout
from autoconnect.core.records import NO_STRAY

Number = TypeVar("Number", bound=np.generic)

#: A table is full after this many rows, lest a sum leave 64 bits or a count 32: amounts that the kernel is sure of are
#: less than 10^10 cents.
_MAX_ROWS = 1 << 29
#: And after this many names of a column, lest the number of a name leave its bits in a cell's key.
_MAX_NAMES = 1 << (NAME_BITS - 1)

_INITIAL_PAGES = 1 << 10
#: Texts with a row in the table that finds pages without a hash. It has 4 MB; what is not used takes no memory.
_DIRECT_TEXTS = 400
#: A table that outgrows this many cells (32 MB), with a small share of them in use, continues with one cell per page.
_SPARSE_CELLS = 1 << 19
_SPARSE_SHARE = 1 / 4


class CellTable:
    """The cells of rows that the kernel has read, and the texts in them."""

    def __init__(self, layout: Layout, spans: Sequence[Sequence[str]]) -> None:
        """`spans` are three groups of neighbouring columns of names."""
        columns = {name: NameColumn(layout, name) for name in ("city", "type", "model")}
        self._cities, self._models = columns["city"].numbers, columns["model"].numbers
        constants = [
            column.bits(layout.constants[name]) for name, column in columns.items() if name in layout.constants
        ]
        self._spans = [
            SpanTexts(layout, [columns[name] for name in span], reduce(or_, constants, 0) if index == 0 else 0)
            for index, span in enumerate(spans)
        ]
        self._short = [ShortColumn(layout, column) for column in ("date", "duration", "currency")]
        self._cells = _make_cells(_INITIAL_PAGES, PAGE_SHIFT, with_costs="cost" in layout.positions)

    def map(self, block: Block, shape: Shape, index: Index, rows: Rows, deferred: DeferredRecords) -> Cursor:
        """Map a block; records that the kernel is not sure of go to `deferred`. Return how far the block is read."""
        progress = Progress(Cursor(block.begin, block.line, 0, NO_STRAY, False), 0, TEXTS_FULL)
        while progress.outcome != READ:
            if progress.outcome == CELLS_FULL:
                self._cells = _larger(self._cells)
            elif progress.outcome == TEXTS_FULL:
                self._make_room()
            texts, meanings = self._judge()
            progress = map_chunks(block, shape, index, texts, meanings, rows, self._cells, deferred, progress)
        return progress.cursor

    @property
    def rows(self) -> int:
        """Rows that were read, deferred ones among them."""
        return int(self._cells.used[1])

    @property
    def cells(self) -> int:
        """The number of cells in use."""
        return int(np.count_nonzero(_transactions(self._cells)))

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
        for column in self._short:
            column.keep()
        return merge([cube])

    def _make_room(self) -> None:
        for span in self._spans:
            span.make_room()
        for column in self._short:
            column.make_room()

    def _judge(self) -> tuple[Texts, Meanings]:
        """The texts that were read, and what they mean."""
        for column in self._short:
            column.judge()
        first, second, third = (span.judge() for span in self._spans)
        dates, durations, currencies = (column.table for column in self._short)
        spans = self._spans[0].texts, self._spans[1].texts, self._spans[2].texts
        meanings = Meanings(first, second, third, dates.values, durations.values, currencies.values)
        return Texts(spans, dates, durations, currencies), meanings


def _make_cells(pages: int, shift: int, *, with_costs: bool) -> Cells:
    cells = pages << shift
    return Cells(
        slots=np.zeros(2 * slots_for(pages), np.int64),
        keys=np.empty(pages, np.int64),
        direct=np.zeros(_DIRECT_TEXTS * DAY_PAGES if shift else 0, np.int32),
        measures=_aligned_zeros(cells),
        costs=np.zeros((cells if with_costs else 0, 3), np.int64),
        shift=shift,
        used=np.zeros(2, np.int64),
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
    larger.used[1] = cells.used[1]
    return larger


def _used_cells(cells: Cells) -> NDArray[np.intp]:
    return np.flatnonzero(_transactions(cells))


def _transactions(cells: Cells) -> Ints:
    """A number for each cell of the pages in use: 0 if the cell is not in use."""
    return cells.measures[: int(cells.used[0]) << cells.shift, 0]


def _measures(cells: Cells, used: NDArray[np.intp]) -> dict[str, Ints]:
    """The measures of the cells in use. The kernel has some of them as their distance from a bound."""
    counts, revenue, months, months_squared, max_price, below, max_months, months_below = cells.measures[used].T
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
