"""Step 3: add rows to the cells of a table, and move cells to a larger table."""

from typing import NamedTuple

import numpy as np

from autoconnect.core.kernel.blocks import (
    CHUNK,
    DEFERRED,
    MAX_MONTHS,
    RENTAL,
    UNSURE,
    DeferredRecords,
    Int,
    Ints,
    Rows,
    defer,
)
from autoconnect.core.kernel.compiler import compiled, inlined
from autoconnect.core.kernel.intrinsics import MIX, at, prefetch, put

MAX_INT64 = 2**63 - 1
#: Bits of a cell's key, from the lowest: day, type, model; the city has the bits above them.
DAY_BITS, TYPE_BITS, NAME_BITS = 22, 1, 20

_U = np.uint64

#: For each span, by the code of a text: the bits that its names have in the key of a cell, or DEFERRED.
KeyBits = tuple[Ints, Ints, Ints]


class Cells(NamedTuple):
    """Cells in pages of 2^shift days of one city, type and model; a page with shift 0 is a cell.

    `slots` is an open-addressing hash table of two words a slot: the key of a page plus one (0: the slot is empty), and
    the page. `keys` has the key of each page. `used` counts the pages.
    A cell is a row of `measures`: transactions and, above 32 bits, durations; revenue; greatest price; MAX_INT64 less
    the least price; months; months squared; greatest months; MAX_MONTHS + 1 less the least months. So a cell begins as
    zeros. `costs` has rows with a cost, cost, and revenue of those rows; its length is 0 if there is no such column.
    """

    slots: Ints
    keys: Ints
    measures: Ints
    costs: Ints
    shift: int
    used: Ints


@inlined
def _find_or_add_page(cells: Cells, key: Int) -> Int:
    """The page of a key, which is added if it is new; -1 if there is no room for it."""
    slots, wrap = cells.slots, cells.slots.shape[0] // 2 - 1
    mixed = _U(key) * _U(MIX)
    slot = np.int64((mixed ^ (mixed >> _U(32))) & _U(wrap))
    while at(slots, 2 * slot) != 0:
        if at(slots, 2 * slot) == key + 1:
            return at(slots, 2 * slot + 1)
        slot = (slot + 1) & wrap
    page = cells.used[0]
    if page == cells.keys.shape[0]:
        return -1
    put(slots, 2 * slot, key + 1)
    put(slots, 2 * slot + 1, page)
    put(cells.keys, page, key)
    cells.used[0] = page + 1
    return page


@inlined
def _assign_cells(rows: Rows, first: Int, last: Int, key_bits: KeyBits, cells: Cells, deferred: DeferredRecords) -> Int:
    """Find the cells of rows and defer the rows that have none. Return the row at which there was no more room."""
    within = (1 << cells.shift) - 1
    for row in range(first, last):
        names = at(key_bits[0], at(rows.first_code, row))
        names |= at(key_bits[1], at(rows.second_code, row)) | at(key_bits[2], at(rows.third_code, row))
        day = np.int64(at(rows.day, row))
        # 0 unless it is a rental; without a branch, because types come in no order.
        months = at(rows.months, row) & -np.int32((names >> DAY_BITS) & ((1 << TYPE_BITS) - 1) == RENTAL)
        put(rows.months, row, months)
        sure = (names >= 0) & (day >= 0) & (months != UNSURE)
        if not sure & (at(rows.price, row) >= 0) & (at(rows.cost, row) != UNSURE):
            put(rows.cell, row, DEFERRED)
            defer(deferred, at(rows.start, row), at(rows.end, row), at(rows.line, row))
            continue
        page = _find_or_add_page(cells, names | day >> cells.shift)
        if page < 0:
            return row
        cell = page << cells.shift | (day & within)
        prefetch(cells.measures, cell << 3)
        put(rows.cell, row, cell)
    return last


@inlined
def _add_rows(rows: Rows, begin: Int, end: Int, cells: Cells) -> None:
    """Add rows to the cells that were assigned to them."""
    measures, costs = cells.measures, cells.costs
    for row in range(begin, end):
        if at(rows.cell, row) < 0:
            continue
        cell = _U(at(rows.cell, row))
        price, months = at(rows.price, row), np.int64(at(rows.months, row))
        timed = np.int64(months > 0)
        measures[cell, 0] += 1 + (timed << 32)
        measures[cell, 1] += price
        measures[cell, 2] = max(measures[cell, 2], price)
        measures[cell, 3] = max(measures[cell, 3], MAX_INT64 - price)
        measures[cell, 4] += months
        measures[cell, 5] += months * months
        measures[cell, 6] = max(measures[cell, 6], months)
        measures[cell, 7] = max(measures[cell, 7], timed * (MAX_MONTHS + 1 - months))
        if costs.shape[0] > 0 and rows.cost[row] >= 0:
            costs[cell, 0] += 1
            costs[cell, 1] += rows.cost[row]
            costs[cell, 2] += price


@compiled
def fold_rows(rows: Rows, first: Int, last: Int, key_bits: KeyBits, cells: Cells, deferred: DeferredRecords) -> Int:
    """Add rows `first` to `last` to their cells; rows with a DEFERRED text or an UNSURE value go to `deferred`.

    Return the row at which there was no room for another page, otherwise `last`.
    """
    row = first
    while row < last:
        stop = min(row + CHUNK, last)
        assigned = _assign_cells(rows, row, stop, key_bits, cells, deferred)
        _add_rows(rows, row, assigned, cells)
        if assigned < stop:
            return assigned
        row = stop
    return last


@compiled
def move_cells(source: Cells, target: Cells) -> None:
    """Copy all cells in use to a table that has room for them; the two tables may differ in their shift."""
    for page in range(source.used[0]):
        names = source.keys[page] >> DAY_BITS << DAY_BITS
        first_day = (source.keys[page] - names) << source.shift
        for offset in range(1 << source.shift):
            cell = page << source.shift | offset
            if source.measures[cell, 0] > 0:
                day = first_day + offset
                target_page = _find_or_add_page(target, names | (day >> target.shift))
                copy = target_page << target.shift | (day & ((1 << target.shift) - 1))
                for measure in range(source.measures.shape[1]):
                    target.measures[copy, measure] = source.measures[cell, measure]
                if source.costs.shape[0] > 0:
                    for measure in range(source.costs.shape[1]):
                        target.costs[copy, measure] = source.costs[cell, measure]
