"""Cells in pages, and how they move to a larger table."""

from typing import NamedTuple

import numpy as np

from autoconnect.core.kernel.blocks import Int, Ints, Ints32
from autoconnect.core.kernel.compiler import compiled, inlined
from autoconnect.core.kernel.intrinsics import MIX, at, put

MAX_INT64 = 2**63 - 1
#: Bits of a cell's key, from the lowest: day, type, model; the city has the bits above them.
DAY_BITS, TYPE_BITS, NAME_BITS = 22, 1, 20
#: Days of a page, as a power of two, and pages that hold all days, up to 2101-01-28.
PAGE_SHIFT, DAY_PAGES = 5, 2_295

_U = np.uint64


class Cells(NamedTuple):
    """Cells in pages of 2^shift days of one city, type and model; a page with shift 0 is a cell.

    `slots` is an open-addressing hash table of two words a slot: the key of a page plus one (0: the slot is empty), and
    the page. `keys` has the key of each page. `used` counts the pages, and the rows that were read.
    A cell is a row of `measures`, first sums, then maxima: transactions and, above 32 bits, durations; revenue; months;
    months squared; greatest price; MAX_INT64 less the least price; greatest months; MAX_MONTHS + 1 less the least
    months. So a cell begins as zeros, and its halves are two vectors.
    `direct` finds a page without a hash: for each of the first texts of a span that holds all names, a row of DAY_PAGES
    with one plus the page of its names at these days, or 0. Its length is 0 if pages are cells.
    `costs` has rows with a cost, cost, and revenue of those rows; its length is 0 if there is no such column.
    """

    slots: Ints
    keys: Ints
    direct: Ints32
    measures: Ints
    costs: Ints
    shift: int
    used: Ints


@inlined
def find_or_add_page(cells: Cells, key: Int) -> Int:
    """The page of a key, which is added if it is new; -1 if there is no room for it."""
    slots, wrap = cells.slots, cells.slots.shape[0] // 2 - 1
    slot = np.int64((_U(key) * _U(MIX)) >> _U(32)) & wrap
    while at(slots, 2 * slot) != key + 1:
        if at(slots, 2 * slot) == 0:
            page = cells.used[0]
            if page == cells.keys.shape[0]:
                return -1
            put(slots, 2 * slot, key + 1)
            put(slots, 2 * slot + 1, page)
            put(cells.keys, page, key)
            cells.used[0] = page + 1
            return page
        slot = (slot + 1) & wrap
    return at(slots, 2 * slot + 1)


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
                target_page = find_or_add_page(target, names | (day >> target.shift))
                copy = target_page << target.shift | (day & ((1 << target.shift) - 1))
                for measure in range(source.measures.shape[1]):
                    target.measures[copy, measure] = source.measures[cell, measure]
                if source.costs.shape[0] > 0:
                    for measure in range(source.costs.shape[1]):
                        target.costs[copy, measure] = source.costs[cell, measure]
