"""Step 2: find the rows of a chunk, and read their fields column by column."""

from typing import NamedTuple

import numpy as np

from autoconnect.core.kernel.amounts import read_amounts
from autoconnect.core.kernel.blocks import CR, Block, Cursor, DeferredRecords, Int, Rows, Shape, defer
from autoconnect.core.kernel.characters import is_doubtful
from autoconnect.core.kernel.compiler import compiled, inlined
from autoconnect.core.kernel.fields import check_ids, integer_at
from autoconnect.core.kernel.index import DOUBTFUL, HIGH, Index, index_chunk
from autoconnect.core.kernel.intrinsics import at, put
from autoconnect.core.kernel.short_texts import ShortTable, read_short_texts
from autoconnect.core.kernel.texts import TextTable, read_texts
from autoconnect.core.kernel.walk import CUT, STRAY, ends_in_pair, walk_record


class Texts(NamedTuple):
    """The distinct texts of each span of names, and of the other columns whose texts have codes."""

    spans: tuple[TextTable, TextTable, TextTable]
    dates: ShortTable
    durations: ShortTable
    currencies: ShortTable


@inlined
def _add_record(
    block: Block,
    shape: Shape,
    index: Index,
    rows: Rows,
    deferred: DeferredRecords,
    record: tuple[Int, Int, Int, Int, Int],
    is_sure: bool,
) -> Int:
    """Add a record to the rows if it has the right form, otherwise to `deferred`, unless it is empty.

    The record is the number of rows before it, its start, its line, and the entries of the end of its first field and
    of its line end. Return the number of rows.
    """
    row, start, line, entry, last = record
    line_end = integer_at(index.positions, last)
    last -= ends_in_pair(block.data, start, line_end, shape)
    stop = integer_at(index.positions, last)
    put(rows.entry, row, np.int32(entry))
    has_form = (last - entry + 1 == shape.fields + shape.surplus) & (stop - start <= shape.chunk_bytes)
    if is_sure & has_form & (stop > start) and stop - at(index.positions, last - shape.surplus) == shape.surplus:
        return row + 1
    if stop > start:
        defer(deferred, start, line_end + 1, line)
    return row


@inlined
def _is_sure(doubts: np.uint8) -> bool:
    """Whether nothing is doubtful in a record: if it has bytes beyond ASCII in Windows-1252, it must be no UTF-8."""
    return bool((doubts & DOUBTFUL == 0) & (doubts != HIGH))


@inlined
def _add_regular(block: Block, shape: Shape, index: Index, rows: Rows, row: Int, entry: Int, records: Int) -> bool:
    """Add records to the rows if all of them have the right form, as they do in most chunks; otherwise return False."""
    are_regular = True
    if shape.surplus > 0 or row + records > rows.entry.shape[0]:
        return False
    for record in range(records):
        put(rows.entry, row + record, np.int32(entry))
        last = integer_at(index.ends, record)
        has_form = (last + 1 - entry == shape.fields) & (at(index.doubts, record) == 0)
        are_regular &= bool(has_form & (at(block.data, integer_at(index.positions, last) - 1) != CR))
        entry = last + 1
    return are_regular


@compiled
def _find_rows(
    block: Block, shape: Shape, index: Index, rows: Rows, deferred: DeferredRecords, cursor: Cursor
) -> Cursor:
    """Find the rows of the next chunk."""
    start, line, _, stray, _ = cursor
    row, entry = 0, 1
    put(index.positions, 0, np.int32(start - 1))
    stop = min(start + shape.chunk_bytes, block.end)
    while start < stop:
        _, records, is_odd = index_chunk(block, shape, start, stop, index, entry)
        is_regular = _add_regular(block, shape, index, rows, row, entry, records)
        if is_regular and records > 0:
            last = integer_at(index.ends, records - 1)
            start, entry = integer_at(index.positions, last) + 1, last + 1
            row, line = row + records, line + records
        for record in range(0 if is_regular else records):
            last = integer_at(index.ends, record)
            following = integer_at(index.positions, last) + 1
            sure = _is_sure(at(index.doubts, record))
            row = _add_record(block, shape, index, rows, deferred, (row, start, line, entry, last), sure)
            start, entry, line = following, last + 1, line + 1
        index.doubts[: records + 1] = 0
        if not is_odd and start > cursor.start:
            break
        walk = walk_record(block, shape, start, index.positions, entry, stray)
        stray = walk.stray
        if walk.outcome == CUT:
            return Cursor(start, line, row, stray, True)
        following = walk.line_end + 1
        if walk.outcome == STRAY or walk.breaks > 0 or walk.fields != shape.fields + shape.surplus:
            defer(deferred, start, following, line)
            last = entry
            put(index.positions, last, np.int32(walk.line_end))
        else:
            sure = not is_doubtful(block.data, start, following, shape)
            last = entry + walk.fields - 1 + ends_in_pair(block.data, start, walk.line_end, shape)
            row = _add_record(block, shape, index, rows, deferred, (row, start, line, entry, last), sure)
        entry = last + 1
        start, line = following, line + 1 + walk.breaks
    return Cursor(start, line, row, stray, False)


@compiled
def read_rows(
    block: Block,
    shape: Shape,
    index: Index,
    texts: Texts,
    rows: Rows,
    deferred: DeferredRecords,
    cursor: Cursor,
) -> Cursor:
    """Read the next chunk: records of the right form become rows, others go to `deferred`; empty lines are skipped."""
    cursor = _find_rows(block, shape, index, rows, deferred, cursor)
    data, positions, entry, count = block.data, index.positions, rows.entry, cursor.rows
    read_amounts(data, positions, entry, count, shape.price_column, shape, 0, rows.price)
    if shape.cost_column >= 0:
        read_amounts(data, positions, entry, count, shape.cost_column, shape, 1, rows.cost)
    if shape.id_column >= 0:
        check_ids(data, positions, entry, count, shape.id_column, rows.price)
    read_short_texts(data, positions, entry, count, shape.date_column, texts.dates, rows.date_code, 1)
    if shape.duration_column >= 0:
        read_short_texts(data, positions, entry, count, shape.duration_column, texts.durations, rows.duration_code, 0)
    if shape.currency_column >= 0:
        read_short_texts(data, positions, entry, count, shape.currency_column, texts.currencies, rows.currency_code, 0)
    spans = shape.spans
    if spans[0].first >= 0:
        read_texts(data, positions, entry, count, spans[0], texts.spans[0], rows.first_code)
    if spans[1].first >= 0:
        read_texts(data, positions, entry, count, spans[1], texts.spans[1], rows.second_code)
    if spans[2].first >= 0:
        read_texts(data, positions, entry, count, spans[2], texts.spans[2], rows.third_code)
    return cursor
