"""Runs the steps over the chunks of a block, until Python must judge new texts or make room in a table."""

from typing import NamedTuple

from autoconnect.core.kernel.blocks import CHUNK_ROWS, MARGIN, Block, Cursor, DeferredRecords, Int, Rows, Shape
from autoconnect.core.kernel.cells import Cells
from autoconnect.core.kernel.compiler import compiled, inlined
from autoconnect.core.kernel.fold import Meanings, fold_rows
from autoconnect.core.kernel.index import Index
from autoconnect.core.kernel.records import Texts, read_rows
from autoconnect.core.kernel.short_texts import MAX_SHORT_TEXTS, ShortTable
from autoconnect.core.kernel.texts import TextTable

#: Why a run ends: the block is read; there are new texts; a table of texts, or the cells, have no more room.
READ, NEW_TEXTS, TEXTS_FULL, CELLS_FULL = range(4)


class Progress(NamedTuple):
    """How far a block is mapped: where it is read, and the number of rows of the chunk that are in cells."""

    cursor: Cursor
    folded: int
    outcome: int


@inlined
def _text_count(texts: Texts) -> Int:
    count = texts.spans[0].used[0] + texts.spans[1].used[0] + texts.spans[2].used[0]
    return count + texts.dates.used[0] + texts.durations.used[0] + texts.currencies.used[0]


@inlined
def _span_has_room(table: TextTable, chunk_bytes: Int) -> bool:
    rows, content = table.sizes.shape[0] - table.used[0], table.content.shape[0] - MARGIN - table.used[1]
    return bool((rows >= CHUNK_ROWS) & (content >= 2 * chunk_bytes))


@inlined
def _has_room(table: ShortTable) -> bool:
    capacity = table.order.shape[0]
    return bool((2 * table.used[0] <= capacity) | (capacity >= MAX_SHORT_TEXTS))


@inlined
def _have_room(texts: Texts, chunk_bytes: Int) -> bool:
    spans = texts.spans
    have_room = _span_has_room(spans[0], chunk_bytes) and _span_has_room(spans[1], chunk_bytes)
    have_room = have_room and _span_has_room(spans[2], chunk_bytes) and _has_room(texts.dates)
    return have_room and _has_room(texts.durations) and _has_room(texts.currencies)


@compiled
def map_chunks(
    block: Block,
    shape: Shape,
    index: Index,
    texts: Texts,
    meanings: Meanings,
    rows: Rows,
    cells: Cells,
    deferred: DeferredRecords,
    progress: Progress,
) -> Progress:
    """Map the block from where an earlier run has ended."""
    cursor, folded, _ = progress
    while True:
        folded = fold_rows(block, shape, index.positions, rows, folded, cursor, meanings, cells, deferred)
        if folded < cursor.rows:
            return Progress(cursor, folded, CELLS_FULL)
        if cursor.start >= block.end or cursor.is_cut:
            return Progress(cursor, folded, READ)
        if not _have_room(texts, shape.chunk_bytes):
            return Progress(cursor, folded, TEXTS_FULL)
        count = _text_count(texts)
        cursor = read_rows(block, shape, index, texts, rows, deferred, cursor)
        folded = 0
        if _text_count(texts) > count:
            return Progress(cursor, folded, NEW_TEXTS)
