"""Amounts of money: digits in words of 8 bytes, or one by one where they are grouped or have a currency."""

from typing import NamedTuple

import numpy as np

from autoconnect.core.kernel.blocks import ABSENT, QUOTE, SPACE, TAB, UNSURE, Bytes, Int, Ints, Ints32, Shape, Words
from autoconnect.core.kernel.compiler import compiled, inlined
from autoconnect.core.kernel.fields import field_bounds, is_digit, value_bounds
from autoconnect.core.kernel.intrinsics import at, load, put
from autoconnect.core.kernel.walk import word_size

_U = np.uint64
_HIGH = _U(0x8080808080808080)
_ZEROS = _U(0x3030303030303030)
_ABOVE_9 = _U(0x7676767676767676)
_ZERO = np.uint8(48)
#: Digits before the mark, so that sums stay far below 64 bits.
_MAX_DIGITS = 8
#: By the size of a text, 0 to 15 bytes: the bytes of a word that belong to the text when it ends with the word.
_LAST_BYTES = np.array([(1 << 64) - (1 << 64 - 8 * min(size, 8)) for size in range(16)], np.uint64)
_TEXT = _U((1 << 56) - 1)
#: Of a word that ends with the units: the last group of three digits, and the one before it if nothing is between them.
_LAST_GROUP, _FIRST_GROUP = _U(0xFFFFFF0000000000), _U(0x000000FFFFFF0000)
_LOW_BITS, _FROM_A, _AFTER_Z = _U(0x7F7F7F7F7F7F7F7F), _U(0x3F3F3F3F3F3F3F3F), _U(0x2525252525252525)


class Style(NamedTuple):
    """How an amount is written: the bytes before its digits, after them, and between two groups of them.

    They are given by their numbers, and as words: `first` begins with those before, `last` ends with those after, and
    `mark` ends with those between.
    """

    before: int
    after: int
    between: int
    first: np.uint64
    last: np.uint64
    mark: np.uint64


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
def _plain_amount(data: Bytes, begin: Int, end: Int, decimal: np.uint8) -> Int:
    """The cents of an amount of up to 6 digits and two decimals; ABSENT for an empty text, UNSURE for any other."""
    size = end - begin
    if at(data, end - 3) == decimal and (size > 3) & (size < 10):
        # The usual form: its digits, without the mark, are one word.
        word = (load(data, end - 9) & _U(0x0000FFFFFFFFFFFF)) | (load(data, end - 8) & _U(0xFFFF000000000000))
        word = (word ^ _ZEROS) & at(_LAST_BYTES, size - 1)
        return _number(word) if _are_digits(word) else UNSURE
    has_two = np.int64(at(data, end - 3) == decimal)
    has_one = np.int64(at(data, end - 2) == decimal) & ~has_two
    decimals, mark = 2 * has_two + has_one, has_two | has_one
    digits = end - begin - mark
    # The word that ends with the amount has its decimals; that one byte before has its units in the same places.
    decimal_bytes = at(_LAST_BYTES, decimals)
    word = (load(data, end - 8) & decimal_bytes) | (load(data, end - 8 - mark) & ~decimal_bytes)
    word = (word ^ _ZEROS) & at(_LAST_BYTES, digits & 15)
    sure = (digits > decimals) & (digits - decimals <= 6) & _are_digits(word)
    cents = _number(word >> _U(16 - 8 * decimals))
    return cents if sure else np.int64(ABSENT if begin == end else UNSURE)


@inlined
def _digit_at(data: Bytes, position: Int) -> Int:
    """The digit at a position, more than 9 if there is none."""
    return np.int64(np.uint8(at(data, position) - _ZERO))


@inlined
def _decimals(data: Bytes, begin: Int, end: Int) -> Int:
    """The cents that one or two decimals make; UNSURE for any other text."""
    first, second = _digit_at(data, begin), _digit_at(data, begin + 1) if end - begin == 2 else 0
    return 10 * first + second if (first < 10) & (second < 10) & (end - begin > 0) & (end - begin < 3) else UNSURE


@inlined
def _grouped_amount(data: Bytes, begin: Int, end: Int, shape: Shape) -> Int:
    """The cents of an amount that may be grouped by threes with one character; UNSURE for any other text."""
    units = digits = group = 0
    mark = position = begin  # a position where the character stands
    while position < end and (position == begin or at(data, position) != shape.decimal):
        digit = _digit_at(data, position)
        if digit < 10:
            units, digits, group = 10 * units + digit, digits + 1, group + 1
            position += 1
            if digits > _MAX_DIGITS:
                return UNSURE
            continue
        size = word_size(data, position, shape.grouping)
        if size == 0 or group == 0 or group > 3 or (mark > begin and group < 3):
            return UNSURE
        for offset in range(size):
            if mark > begin and at(data, position + offset) != at(data, mark + offset):
                return UNSURE
        mark = position
        group = 0
        position += size
    if digits == 0 or (mark > begin and group != 3):
        return UNSURE
    cents = _decimals(data, position + 1, end) if position < end else 0
    return 100 * units + cents if cents >= 0 else UNSURE


@inlined
def _last_word_size(data: Bytes, end: Int, words: Words) -> Int:
    """The size of the first word that a text ends with, 0 if there is none."""
    text = load(data, end - 8)
    for word in words:
        size = np.int64(word >> _U(56))
        if text >> _U(64 - 8 * size) == word & _TEXT:
            return size
    return 0


@inlined
def _without_spaces(data: Bytes, begin: Int, end: Int, spaces: Words) -> tuple[Int, Int]:
    """Where a text begins and ends without white space of any kind around it."""
    while begin < end:
        size = 1 if at(data, begin) in (SPACE, TAB) else word_size(data, begin, spaces)
        if size == 0:
            break
        begin += size
    while begin < end:
        size = 1 if at(data, end - 1) in (SPACE, TAB) else _last_word_size(data, end, spaces)
        if size == 0:
            break
        end -= size
    return begin, end


@inlined
def _written_amount(data: Bytes, begin: Int, end: Int, shape: Shape) -> Int:
    """The cents of an amount with white space, quotes or a currency around it; UNSURE for any other text."""
    begin, end = value_bounds(data, begin, end)
    after = _last_word_size(data, end, shape.currency)
    before = 0 if after else word_size(data, begin, shape.currency)
    begin, end = _without_spaces(data, begin + before, end - after, shape.spaces)
    return _grouped_amount(data, begin, end, shape)


@inlined
def _style_of(data: Bytes, begin: Int, end: Int, style: Style, decimal: np.uint8) -> Style:
    """The style of a sure amount; if it has a single group of digits, the bytes between groups are those of `style`."""
    first, last = begin, end
    while not is_digit(at(data, first)):
        first += 1
    while not is_digit(at(data, last - 1)):
        last -= 1
    before, after = first - begin, end - last
    if before > 7 or after > 7:
        return style
    group = last - 3 - 3 * np.int64(at(data, last - 3) == decimal)
    between, mark = style.between, style.mark
    if group > first:
        between = 0
        while not is_digit(at(data, group - between - 1)):
            between += 1
        mark = load(data, group - 8) & at(_LAST_BYTES, between)
    return Style(before, after, between, _start_of(data, begin, before), _end_of(data, end, after), mark)


@inlined
def _start_of(data: Bytes, begin: Int, size: Int) -> np.uint64:
    """The first bytes of a text, up to 7."""
    return _U(load(data, begin) & ((_U(1) << _U(8 * size)) - _U(1)))


@inlined
def _end_of(data: Bytes, end: Int, size: Int) -> np.uint64:
    """The last bytes of a text, up to 8, at the end of a word."""
    return _U(load(data, end - 8) & at(_LAST_BYTES, size))


@inlined
def _styled_amount(data: Bytes, begin: Int, end: Int, style: Style, decimal: np.uint8) -> Int:
    """The cents of an amount of up to two groups of digits and no or two decimals, in this style; otherwise UNSURE."""
    if _start_of(data, begin, style.before) != style.first or _end_of(data, end, style.after) != style.last:
        return UNSURE
    begin, end = begin + style.before, end - style.after
    has_decimals = at(data, end - 3) == decimal
    cents = _decimals(data, end - 2, end) if has_decimals else 0
    units = end - 3 * np.int64(has_decimals)
    digits = units - begin
    if digits > 3:
        if _end_of(data, units - 3, style.between) != style.mark:
            return UNSURE
        digits -= style.between
        if digits < 4:
            return UNSURE
    if digits < 1 or digits > 6 or cents < 0:
        return UNSURE
    word = (load(data, units - 8) & _LAST_GROUP) | (load(data, units - 8 - style.between) & _FIRST_GROUP)
    word = (word ^ _ZEROS) & at(_LAST_BYTES, digits)
    return 100 * _number(word) + cents if _are_digits(word) else UNSURE


@inlined
def _is_missing(data: Bytes, begin: Int, end: Int, words: Words) -> bool:
    """Whether a value is one of the words, without case."""
    begin, end = value_bounds(data, begin, end)
    size = end - begin
    if size > 7:
        return False
    text = load(data, begin) & ((_U(1) << _U(8 * size)) - _U(1))
    capitals = ((text & _LOW_BITS) + _FROM_A) & ~((text & _LOW_BITS) + _AFTER_Z) & ~text & _HIGH
    text |= capitals >> _U(2)
    found = size == 0
    for word in words:
        found |= text | _U(size) << _U(56) == word
    return bool(found)


@compiled
def _read_written(
    data: Bytes, positions: Ints32, entry: Ints32, count: Int, column: Int, shape: Shape, is_optional: Int, cents: Ints
) -> None:
    """Read the amounts that are not written plainly. Most are in the style of one before."""
    style = Style(0, 0, 0, _U(0), _U(0), _U(0))
    for row in range(count):
        if at(cents, row) != UNSURE:
            continue
        begin, end = field_bounds(positions, entry, row, column)
        quotes = np.int64((at(data, begin) == QUOTE) & (at(data, end - 1) == QUOTE) & (end - begin > 1))
        amount = np.int64(_styled_amount(data, begin + quotes, end - quotes, style, shape.decimal))
        if amount == UNSURE and is_optional and _is_missing(data, begin, end, shape.missing):
            amount = np.int64(ABSENT)
        elif amount == UNSURE:
            amount = np.int64(_written_amount(data, begin, end, shape))
            if amount >= 0:
                style = _style_of(data, begin + quotes, end - quotes, style, shape.decimal)
        put(cents, row, amount)


@compiled
def _read_plain(
    data: Bytes, positions: Ints32, entry: Ints32, count: Int, column: Int, decimal: np.uint8, cents: Ints
) -> bool:
    """Read amounts of digits alone, with a decimal mark or without; return whether there are others."""
    has_others = False
    for row in range(count):
        begin, end = field_bounds(positions, entry, row, column)
        amount = _plain_amount(data, begin, end, decimal)
        has_others |= amount == UNSURE
        put(cents, row, amount)
    return has_others


@compiled
def _read_wrapped(
    data: Bytes, positions: Ints32, entry: Ints32, count: Int, column: Int, decimal: np.uint8, cents: Ints
) -> bool:
    """Read amounts that stand between two spaces or two quotes, like the first one; return whether there are others."""
    begin, _ = field_bounds(positions, entry, 0, column)
    wrapping = at(data, begin)
    has_others = False
    for row in range(count):
        begin, end = field_bounds(positions, entry, row, column)
        is_wrapped = np.int64((at(data, begin) == wrapping) & (at(data, end - 1) == wrapping) & (end - begin > 1))
        amount = _plain_amount(data, begin + is_wrapped, end - is_wrapped, decimal)
        has_others |= amount == UNSURE
        put(cents, row, amount)
    return has_others


@compiled
def read_amounts(
    data: Bytes, positions: Ints32, entry: Ints32, count: Int, column: Int, shape: Shape, is_optional: Int, cents: Ints
) -> None:
    """Read a column of amounts into `cents`: an empty one is ABSENT, as is an optional one with a missing word."""
    if count == 0:
        return
    begin, _ = field_bounds(positions, entry, 0, column)
    if at(data, begin) == SPACE or at(data, begin) == QUOTE:
        has_others = _read_wrapped(data, positions, entry, count, column, shape.decimal, cents)
    else:
        has_others = _read_plain(data, positions, entry, count, column, shape.decimal, cents)
    if has_others:
        _read_written(data, positions, entry, count, column, shape, is_optional, cents)
