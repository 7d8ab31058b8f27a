"""The fields of rows: where each is, and whether a row surely has an id."""

import numpy as np

from autoconnect.core.kernel.blocks import QUOTE, SPACE, TAB, UNSURE, Bytes, Int, Ints, Ints32
from autoconnect.core.kernel.compiler import compiled, inlined
from autoconnect.core.kernel.intrinsics import at, put

#: Bytes of a text that is no word for a missing value, if they are ASCII: such words are shorter.
_SURE_BYTES = 10
_ZERO, _HASH = np.uint8(48), np.uint8(35)


@inlined
def integer_at(values: Ints32, index: Int) -> Int:
    """An element as an integer of the usual size."""
    return np.int64(at(values, index))


@inlined
def field_bounds(positions: Ints32, entry: Ints32, row: Int, column: Int) -> tuple[Int, Int]:
    """Where a field of a row begins and ends, quotes included; `entry` is that of `Rows`."""
    index = at(entry, row) + column
    return at(positions, index - 1) + 1, at(positions, index)


@inlined
def value_bounds(data: Bytes, begin: Int, end: Int) -> tuple[Int, Int]:
    """Where the value of a field begins and ends: without spaces and tabs, and without the quotes around it."""
    while begin < end and (at(data, begin) == SPACE or at(data, begin) == TAB):
        begin += 1
    while begin < end and (at(data, end - 1) == SPACE or at(data, end - 1) == TAB):
        end -= 1
    if end - begin >= 2 and at(data, begin) == QUOTE and at(data, end - 1) == QUOTE:
        begin, end = begin + 1, end - 1
        while begin < end and (at(data, begin) == SPACE or at(data, begin) == TAB):
            begin += 1
        while begin < end and (at(data, end - 1) == SPACE or at(data, end - 1) == TAB):
            end -= 1
    return begin, end


@inlined
def is_digit(byte: np.uint8) -> bool:
    return bool(np.uint8(byte - _ZERO) < 10)


@inlined
def _is_visible(byte: np.uint8) -> bool:
    return bool((byte > SPACE) & (byte < 127))


@inlined
def _is_surely_no_word(data: Bytes, begin: Int, end: Int) -> bool:
    """Whether a value is surely no word for a missing one: none is long, none but `#DIV/0!` has a digit."""
    if begin == end or not _is_visible(at(data, begin)) or not _is_visible(at(data, end - 1)):
        return False
    has_digit = False
    for position in range(begin, end):
        has_digit |= is_digit(at(data, position))
    return bool((end - begin >= _SURE_BYTES) | (has_digit & (at(data, begin) != _HASH)))


@compiled
def _check_odd_ids(data: Bytes, positions: Ints32, entry: Ints32, count: Int, column: Int, price: Ints) -> None:
    for row in range(count):
        begin, end = field_bounds(positions, entry, row, column)
        begin, end = value_bounds(data, begin, end)
        if not _is_surely_no_word(data, begin, end):
            put(price, row, np.int64(UNSURE))


@compiled
def check_ids(data: Bytes, positions: Ints32, entry: Ints32, count: Int, column: Int, price: Ints) -> None:
    """Make the price of a row UNSURE unless the row surely has an id. Most ids end in a digit, no missing word does."""
    all_end_in_digits = True
    for row in range(count):
        last = at(positions, at(entry, row) + column) - 1
        last -= np.int32((at(data, last) == SPACE) | (at(data, last) == QUOTE))
        all_end_in_digits &= is_digit(at(data, last))
    if not all_end_in_digits:
        _check_odd_ids(data, positions, entry, count, column, price)
