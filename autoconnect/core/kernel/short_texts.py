"""Short texts become codes: dates, durations and currencies, as they are written, are interned in a table of words.

A column of them has few distinct texts. So the kernel does not need to know what they mean: the plain functions judge
each text once.
"""

from typing import NamedTuple

import numpy as np

from autoconnect.core.kernel.blocks import QUOTE, SPACE, UNSURE, Bytes, Int, Ints, Ints32, Words
from autoconnect.core.kernel.compiler import compiled, inlined
from autoconnect.core.kernel.fields import field_bounds, is_digit
from autoconnect.core.kernel.intrinsics import MIX, at, load, lowest_bit, put

_U = np.uint64
#: Bytes of the longest text that has a code.
MAX_SHORT = 15
#: A table does not grow beyond this; further texts have no code.
MAX_SHORT_TEXTS = 1 << 16
#: In place of a code: no text has it, and its value is UNSURE.
NO_CODE = 0
#: Value of a text that is not judged.
UNJUDGED = -3

_ONES, _HIGH = _U(0x0101010101010101), _U(0x8080808080808080)
_SPACES, _LETTERS_T = _U(0x2020202020202020), _U(0x5454545454545454)
#: By the size of a text, 0 to 15 bytes: which bits of two words belong to it, the one after the other.
_TEXT_BITS = np.array(
    [bits >> shift & (1 << 64) - 1 for bits in ((1 << 8 * size) - 1 for size in range(16)) for shift in (0, 64)],
    np.uint64,
)


class ShortTable(NamedTuple):
    """Distinct short texts, in an open-addressing hash table; the code of a text is its slot plus one.

    `keys` has two words for each slot: the bytes of the text, and in the highest byte its size plus one; 0 is an empty
    slot. `values` has what each code means, `order` the codes in order of appearance, and `used` their number. The
    highest bits of a hash that are a slot are left by a `shift`.
    """

    keys: Words
    values: Ints32
    order: Ints32
    used: Ints
    shift: int


def make_short_table(capacity: int) -> ShortTable:
    """A table for `capacity` texts, a power of two."""
    slots = 4 * capacity
    table = ShortTable(
        keys=np.zeros(2 * slots, np.uint64),
        values=np.full(1 + slots, UNJUDGED, np.int32),
        order=np.zeros(capacity, np.int32),
        used=np.zeros(1, np.int64),
        shift=65 - slots.bit_length(),
    )
    table.values[NO_CODE] = UNSURE
    return table


@inlined
def _first_slot(low: np.uint64, high: np.uint64, shift: Int) -> Int:
    """The slot of a text unless another text has it."""
    return np.int64(((low ^ (high << _U(29)) ^ (high >> _U(35))) * _U(MIX)) >> _U(shift))


@inlined
def _intern(low: np.uint64, high: np.uint64, table: ShortTable) -> Int:
    """The code of a text, which is added if it is new and there is room."""
    wrap = table.values.shape[0] - 2
    slot = _first_slot(low, high, table.shift)
    while at(table.keys, 2 * slot + 1) != _U(0):
        if at(table.keys, 2 * slot) == low and at(table.keys, 2 * slot + 1) == high:
            return slot + 1
        slot = (slot + 1) & wrap
    count = table.used[0]
    if count == table.order.shape[0]:
        return NO_CODE
    put(table.keys, 2 * slot, low)
    put(table.keys, 2 * slot + 1, high)
    put(table.order, count, np.int32(slot + 1))
    table.used[0] = count + 1
    return slot + 1


@inlined
def _words(data: Bytes, begin: Int, size: Int) -> tuple[np.uint64, np.uint64]:
    """A text of up to MAX_SHORT bytes as the two words of a key."""
    low = load(data, begin) & at(_TEXT_BITS, 2 * size)
    return low, (load(data, begin + 8) & at(_TEXT_BITS, 2 * size + 1)) | _U(size + 1) << _U(56)


@inlined
def _size_without_time(data: Bytes, begin: Int, size: Int) -> Int:
    """The size of a date up to the first T or space after its first 8 bytes, if there is one among the next 8."""
    word = load(data, begin + 8)
    spaces, letters = word ^ _SPACES, word ^ _LETTERS_T
    found = ((spaces - _ONES) & ~spaces) | ((letters - _ONES) & ~letters)
    return min(size, 8 + (lowest_bit(found & _HIGH) >> 3))


@compiled
def _read_missed(
    data: Bytes,
    positions: Ints32,
    entry: Ints32,
    count: Int,
    column: Int,
    table: ShortTable,
    codes: Ints32,
    is_date: Int,
) -> None:
    """Read the texts that are not in their first slots, or are longer, as dates with a time are."""
    for row in range(count):
        if at(codes, row) != NO_CODE:
            continue
        begin, end = field_bounds(positions, entry, row, column)
        size = end - begin
        is_padded = (size <= MAX_SHORT) & (at(data, end - 1) == SPACE)
        if is_date and size > 10 and not is_padded:
            size = _size_without_time(data, begin, size)
            last = at(data, begin + size - 1)
            if size < end - begin and last != QUOTE:
                if not is_digit(last):  # an invisible character may end a field, but not a date before a time
                    continue
                if at(data, begin) == QUOTE and size <= MAX_SHORT:
                    begin, size = begin + 1, size - 1  # the time is in the same quotes
        if size <= MAX_SHORT:
            low, high = _words(data, begin, size)
            put(codes, row, np.int32(_intern(low, high, table)))


@compiled
def read_short_texts(
    data: Bytes,
    positions: Ints32,
    entry: Ints32,
    count: Int,
    column: Int,
    table: ShortTable,
    codes: Ints32,
    is_date: Int,
) -> None:
    """Read a column of short texts into `codes`; of a date that a time follows, only the date."""
    keys, shift, missed = table.keys, table.shift, False
    for row in range(count):
        begin, end = field_bounds(positions, entry, row, column)
        size = end - begin
        low, high = _words(data, begin, size & MAX_SHORT)
        slot = _first_slot(low, high, shift)
        is_found = (at(keys, 2 * slot) == low) & (at(keys, 2 * slot + 1) == high) & (size <= MAX_SHORT)
        missed |= not is_found
        put(codes, row, np.int32(slot + 1 if is_found else NO_CODE))
    if missed:
        _read_missed(data, positions, entry, count, column, table, codes, is_date)


@compiled
def move_short_texts(source: ShortTable, target: ShortTable) -> None:
    """Copy all texts to a larger table."""
    for index in range(source.used[0]):
        code = np.int64(source.order[index])
        copy = _intern(source.keys[2 * code - 2], source.keys[2 * code - 1], target)
        target.values[copy] = source.values[code]
