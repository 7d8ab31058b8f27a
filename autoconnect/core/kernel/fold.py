"""Step 3: add rows to the cells of a table."""

from typing import NamedTuple

import numpy as np

from autoconnect.core.kernel.blocks import (
    DEFERRED,
    MAX_MONTHS,
    UNSURE,
    Block,
    Bytes,
    Cursor,
    DeferredRecords,
    Int,
    Ints,
    Ints32,
    Rows,
    Shape,
    defer,
)
from autoconnect.core.kernel.cells import DAY_BITS, DAY_PAGES, MAX_INT64, PAGE_SHIFT, TYPE_BITS, Cells, find_or_add_page
from autoconnect.core.kernel.compiler import compiled, inlined
from autoconnect.core.kernel.intrinsics import at, count_bits, match_byte, prefetch, put

#: Bits of the value of a duration: months of a rental, above them months of a sale, which are 0.
MONTHS_BITS = 16
#: Cells that are found before rows are added to them: the processor fetches them meanwhile.
_CELLS_AHEAD = 128

_U = np.uint64


class Meanings(NamedTuple):
    """What texts mean, by their codes.

    `first`, `second` and `third` have the bits of the names of a span in the key of a cell, or DEFERRED. `day` counts
    from DAY_ZERO. `months` has the months that the text means on a rental, and on a sale; more than MAX_MONTHS if this
    is unsure. `currency` is 0 if prices are in this currency.
    """

    first: Ints
    second: Ints
    third: Ints
    day: Ints32
    months: Ints32
    currency: Ints32


@compiled
def _read_names(rows: Rows, first: Int, last: Int, meanings: Meanings) -> None:
    """Put together what the texts of a row mean for the key of its cell; DEFERRED has all bits set."""
    for row in range(first, last):
        names = at(meanings.first, at(rows.first_code, row))
        names |= at(meanings.second, at(rows.second_code, row)) | at(meanings.third, at(rows.third_code, row))
        put(rows.names, row, names)


@compiled
def _check_options(rows: Rows, first: Int, last: Int, currency: Ints32) -> None:
    """Make the price of a row UNSURE if its cost is, or if its currency is not that of the prices."""
    for row in range(first, last):
        if at(rows.cost, row) == UNSURE or at(currency, at(rows.currency_code, row)) != 0:
            put(rows.price, row, np.int64(UNSURE))


@compiled
def _read_names_of_span(codes: Ints32, first: Int, last: Int, bits: Ints, names: Ints) -> None:
    """The same if one text has all names of a row."""
    for row in range(first, last):
        put(names, row, at(bits, at(codes, row)))


@compiled
def _read_months(codes: Ints32, first: Int, last: Int, values: Ints32, names: Ints, months: Ints32) -> None:
    """The months of rows: those of a rental or of a sale, without a branch, because types come in no order."""
    for row in range(first, last):
        both = np.int64(np.uint32(at(values, at(codes, row))))
        kind = (at(names, row) >> DAY_BITS) & ((1 << TYPE_BITS) - 1)
        put(months, row, np.int32((both >> MONTHS_BITS * kind) & ((1 << MONTHS_BITS) - 1)))


@compiled
def _assign_cells(
    names: Ints,
    dates: Ints32,
    days: Ints32,
    months: Ints32,
    price: Ints,
    first: Int,
    last: Int,
    texts: Ints32,
    direct_size: Int,
    cells: Cells,
    assigned: Ints32,
) -> tuple[Int, bool]:
    """Find the cells of rows; a row that has none is DEFERRED. Return the row at which there was no more room.

    The first `direct_size` elements of `cells.direct` may be used: `texts` are the codes of texts with all names.
    """
    within = (1 << cells.shift) - 1
    all_sure = True
    for row in range(first, last):
        day = np.int64(at(days, at(dates, row)))
        # Negative if one of the values is.
        if (at(names, row) | day | at(price, row) | (MAX_MONTHS - at(months, row))) < 0:
            put(assigned, row, np.int32(DEFERRED))
            all_sure = False
            continue
        direct = np.int64(at(texts, row)) * DAY_PAGES + (day >> PAGE_SHIFT)
        page = np.int64(at(cells.direct, direct)) - 1 if direct < direct_size else -1
        if page < 0:
            page = find_or_add_page(cells, at(names, row) | day >> cells.shift)
            if page < 0:
                return row, all_sure
            if direct < direct_size:
                put(cells.direct, direct, np.int32(page + 1))
        cell = page << cells.shift | (day & within)
        prefetch(cells.measures, cell << 3)
        put(assigned, row, np.int32(cell))
    return last, all_sure


@inlined
def _count_lines(data: Bytes, start: Int, stop: Int, line_end: np.uint8) -> Int:
    """The number of line ends from `start` to `stop`."""
    count = 0
    for base in range(start, stop, 64):
        bits = match_byte(data, base, line_end)
        if stop - base < 64:
            bits &= (_U(1) << _U(stop - base)) - _U(1)
        count += count_bits(bits)
    return count


@compiled
def _defer_rows(
    block: Block,
    shape: Shape,
    positions: Ints32,
    rows: Rows,
    first: Int,
    last: Int,
    cursor: Cursor,
    deferred: DeferredRecords,
) -> None:
    """Defer the rows without a cell; the first line end of each is not in quotes."""
    position = np.int64(at(positions, 0)) + 1
    line = cursor.line - _count_lines(block.data, position, cursor.start, shape.line_end)
    for row in range(first, last):
        if at(rows.cell, row) < 0:
            start = np.int64(at(positions, at(rows.entry, row) - 1)) + 1
            line += _count_lines(block.data, position, start, shape.line_end)
            position = start
            following = start + 1
            while at(block.data, following - 1) != shape.line_end:
                following += 1
            defer(deferred, start, following, line)


@compiled
def _add_rows(assigned: Ints32, first: Int, last: Int, price: Ints, months: Ints32, measures: Ints) -> None:
    """Add rows to the cells that were assigned to them."""
    for row in range(first, last):
        cell = np.int64(at(assigned, row))
        if cell < 0:
            continue
        amount, duration = at(price, row), np.int64(at(months, row))
        timed = np.int64(duration > 0)
        measure = cell << 3
        put(measures, measure, at(measures, measure) + 1 + (timed << 32))
        put(measures, measure + 1, at(measures, measure + 1) + amount)
        put(measures, measure + 2, at(measures, measure + 2) + duration)
        put(measures, measure + 3, at(measures, measure + 3) + duration * duration)
        put(measures, measure + 4, max(at(measures, measure + 4), amount))
        put(measures, measure + 5, max(at(measures, measure + 5), MAX_INT64 - amount))
        put(measures, measure + 6, max(at(measures, measure + 6), duration))
        put(measures, measure + 7, max(at(measures, measure + 7), timed * (MAX_MONTHS + 1 - duration)))


@compiled
def _add_costs(rows: Rows, first: Int, last: Int, costs: Ints) -> None:
    """Add the costs of rows to their cells."""
    for row in range(first, last):
        cell = rows.cell[row]
        if cell >= 0 and rows.cost[row] >= 0:
            costs[cell, 0] += 1
            costs[cell, 1] += rows.cost[row]
            costs[cell, 2] += rows.price[row]


@compiled
def fold_rows(
    block: Block,
    shape: Shape,
    positions: Ints32,
    rows: Rows,
    first: Int,
    cursor: Cursor,
    meanings: Meanings,
    cells: Cells,
    deferred: DeferredRecords,
) -> Int:
    """Add the rows of a chunk from `first` on to their cells; defer those with a DEFERRED text or an UNSURE value.

    Return the row at which there was no room for another page, otherwise the number of rows.
    """
    last, are_sure = cursor.rows, True
    direct_size = 0
    if shape.spans[1].first < 0:
        direct_size = cells.direct.shape[0]
        _read_names_of_span(rows.first_code, first, last, meanings.first, rows.names)
    else:
        _read_names(rows, first, last, meanings)
    _read_months(rows.duration_code, first, last, meanings.months, rows.names, rows.months)
    if shape.cost_column >= 0 or shape.currency_column >= 0:
        _check_options(rows, first, last, meanings.currency)
    row = first
    while row < last:
        stop = min(row + _CELLS_AHEAD, last)
        assigned, all_sure = _assign_cells(
            rows.names,
            rows.date_code,
            meanings.day,
            rows.months,
            rows.price,
            row,
            stop,
            rows.first_code,
            direct_size,
            cells,
            rows.cell,
        )
        are_sure &= all_sure
        _add_rows(rows.cell, row, assigned, rows.price, rows.months, cells.measures)
        if shape.cost_column >= 0:
            _add_costs(rows, row, assigned, cells.costs)
        cells.used[1] += assigned - row
        row = assigned
        if assigned < stop:
            break
    if not are_sure:
        _defer_rows(block, shape, positions, rows, first, row, cursor, deferred)
    return row
