"""The fields of rows: ids, days, amounts and durations, each column in a loop of its own.

Fields are read in words of 8 bytes, loaded from any address; digits are converted four at a time by multiplication.
"""

import numpy as np

from autoconnect.core.kernel.blocks import (
    ABSENT,
    MAX_MONTHS,
    QUOTE,
    UNSURE,
    Block,
    Bytes,
    Int,
    Ints,
    Ints32,
    Rows,
    Shape,
    Words,
)
from autoconnect.core.kernel.compiler import compiled, inlined
from autoconnect.core.kernel.intrinsics import at, load, put

_U = np.uint64
_HIGH = _U(0x8080808080808080)
_ZEROS = _U(0x3030303030303030)
_ABOVE_9 = _U(0x7676767676767676)
_DATE_SHAPE, _DATE_DASHES = _U(0x30302D30302D3030), _U(0x0000FF0000FF0000)  # "00-00-00" as a word; where its dashes are
#: By the size of a field, 0 to 7 bytes: the bytes of a word that belong to the field when it starts with the word.
_FIRST_BYTES = np.array([(1 << 8 * size) - 1 for size in range(8)], np.uint64)
#: By the size of a field, 0 to 8 bytes and 8 for longer ones: the same when the field ends with the word.
_LAST_BYTES = np.array([(1 << 64) - (1 << 64 - 8 * size) for size in range(9)], np.uint64)


@inlined
def _are_digits(word: np.uint64) -> bool:
    """Whether each byte of a word is at most 9, after "0" was subtracted from it."""
    return bool(((word + _ABOVE_9) | word) & _HIGH == 0)


@inlined
def _number(word: np.uint64) -> Int:
    """The number that the 8 digits of a word make; its lowest byte is the first digit."""
    word = word * _U(10) + (word >> _U(8))
    pairs = _U(0x000000FF000000FF)
    word = (word & pairs) * _U(0x000F424000000064) + ((word >> _U(16)) & pairs) * _U(0x0000271000000001)
    return np.int64(word >> _U(32))


@inlined
def _digits(data: Bytes, start: Int, end: Int) -> Int:
    """The number in a field of up to 8 digits, 0 if it is empty; UNSURE for any other field."""
    size = end - start
    # The last digit is the word's highest byte; the bytes before the field are cleared to digits of 0.
    word = (load(data, end - 8) ^ _ZEROS) & at(_LAST_BYTES, min(size, 8))
    return _number(word) if (size <= 8) & _are_digits(word) else UNSURE


@inlined
def _amount(data: Bytes, start: Int, end: Int, decimal: np.uint8) -> Int:
    """The cents of an amount of 1 to 8 digits and up to 2 decimals; UNSURE for any other field."""
    size = end - start
    if (size > 3) & (size < 10) and at(data, end - 3) == decimal:
        # The usual form: its digits, without the mark, are one word.
        units = (load(data, end - 9) ^ _ZEROS) & (~_U(0) << _U(72 - 8 * size)) & _U(0x0000FFFFFFFFFFFF)
        word = units | (load(data, end - 8) ^ _ZEROS) & _U(0xFFFF000000000000)
        return _number(word) if _are_digits(word) else UNSURE
    if size > 3 and at(data, end - 3) == decimal:
        units, cents = _digits(data, start, end - 3), _digits(data, end - 2, end)
    elif size > 2 and at(data, end - 2) == decimal:
        units, cents = _digits(data, start, end - 2), 10 * _digits(data, end - 1, end)
    elif size > 0:
        units, cents = _digits(data, start, end), 0
    else:
        return UNSURE
    return 100 * units + cents if units >= 0 and cents >= 0 else UNSURE


@inlined
def _day(data: Bytes, start: Int, end: Int, month_starts: Ints32) -> Int:
    """The day that a field begins with, UNSURE if it may not begin with one. `month_starts` is that of a Shape."""
    size = end - start
    if size < 10 or (size > 10 and at(data, start + 10) != 84 and at(data, start + 10) != 32):  # T or a space
        return UNSURE
    century = (load(data, start) ^ _ZEROS) & _U(0xFFFF)
    rest = load(data, start + 2) ^ _DATE_SHAPE
    pairs = rest * _U(10) + (rest >> _U(8))
    year = np.int64((century & _U(0xFF)) * _U(1_000) + (century >> _U(8)) * _U(100) + (pairs & _U(0xFF)))
    month = np.int64((pairs >> _U(24)) & _U(0xFF))
    day = np.int64(pairs >> _U(48)) & 0xFF
    month_index = 12 * year + month - 13
    is_date = _are_digits(century) & _are_digits(rest) & (rest & _DATE_DASHES == 0)
    if not is_date & (month >= 1) & (month <= 12) & (month_index >= 0):
        return UNSURE
    first = np.int64(at(month_starts, month_index))
    last = np.int64(at(month_starts, month_index + 1)) - 1
    return first + day - 1 if (day >= 1) & (first + day - 1 <= last) else UNSURE


@inlined
def _is_one_of(data: Bytes, start: Int, end: Int, words: Words) -> bool:
    """Whether a field equals one of the words, of at most 7 bytes; the highest byte of each word is its size."""
    size = end - start
    if size > 7:
        return False
    word = (load(data, start) & _FIRST_BYTES[size]) | (_U(size) << _U(56))
    is_equal = False
    for other in words:
        is_equal |= word == other
    return is_equal


@inlined
def field_bounds(positions: Ints32, rows: Rows, row: Int, column: Int, fields: Int) -> tuple[Int, Int]:
    """Where a field of a row begins and ends, quotes included."""
    entry = at(rows.entry, row) + column
    begin = at(rows.start, row) if column == 0 else at(positions, entry - 1) + 1
    return begin, at(rows.end, row) if column == fields - 1 else at(positions, entry)


@inlined
def _value_bounds(block: Block, rows: Rows, row: Int, column: Int, fields: Int) -> tuple[Int, Int]:
    """Where the value of a field begins and ends: the field without the quotes around it."""
    begin, end = field_bounds(block.positions, rows, row, column, fields)
    if at(block.data, begin) == QUOTE and end - begin >= 2 and at(block.data, end - 1) == QUOTE:
        return begin + 1, end - 1
    return begin, end


@compiled
def read_ids_and_days(block: Block, shape: Shape, rows: Rows, first: Int, last: Int) -> None:
    """Read days. A day is UNSURE unless there is surely an id: ordinary characters at its ends, not a missing word."""
    data, has_short_id = block.data, False
    for row in range(first, last):
        begin, end = _value_bounds(block, rows, row, shape.id_column, shape.fields)
        head, tail = at(data, begin), at(data, end - 1)
        has_id = (end > begin) & (head > 32) & (head < 127) & (head != QUOTE) & (tail > 32) & (tail < 127)
        has_short_id |= end - begin < 8
        begin, end = _value_bounds(block, rows, row, shape.date_column, shape.fields)
        day = _day(data, begin, end, shape.month_starts)
        put(rows.day, row, day if has_id else UNSURE)
    if has_short_id:
        for row in range(first, last):
            begin, end = _value_bounds(block, rows, row, shape.id_column, shape.fields)
            if _is_one_of(data, begin, end, shape.missing_words):
                rows.day[row] = UNSURE


@compiled
def read_amounts(block: Block, shape: Shape, rows: Rows, first: Int, last: Int, column: Int, cents: Ints) -> None:
    """Read a column of amounts into `cents`. A missing amount is UNSURE, too."""
    for row in range(first, last):
        begin, end = _value_bounds(block, rows, row, column, shape.fields)
        put(cents, row, _amount(block.data, begin, end, shape.decimal))


@compiled
def read_missing_costs(block: Block, shape: Shape, rows: Rows, first: Int, last: Int) -> None:
    """Make a cost ABSENT if its field is a word for a missing value."""
    for row in range(first, last):
        if rows.cost[row] == UNSURE:
            begin, end = _value_bounds(block, rows, row, shape.cost_column, shape.fields)
            if _is_one_of(block.data, begin, end, shape.missing_words):
                rows.cost[row] = ABSENT


@compiled
def read_months(block: Block, shape: Shape, rows: Rows, first: Int, last: Int) -> None:
    """Read durations, 0 for a missing one: their order is random, so a branch between the two would cost too much."""
    for row in range(first, last):
        begin, end = _value_bounds(block, rows, row, shape.duration_column, shape.fields)
        months = _digits(block.data, begin, end)
        if months < 0 or months > MAX_MONTHS or ((months == 0) & (end > begin)):
            months = 0 if _is_one_of(block.data, begin, end, shape.missing_words) else UNSURE
        put(rows.months, row, months)
