"""Steps 1 and 2: list the positions in a block, walk over its records, and read them as rows."""

from typing import NamedTuple

import numpy as np

from autoconnect.core.kernel.blocks import (
    ABSENT,
    CHUNK,
    CR,
    LF,
    QUOTE,
    Block,
    Bytes,
    DeferredRecords,
    Int,
    Ints32,
    Rows,
    Shape,
    defer,
)
from autoconnect.core.kernel.compiler import compiled, inlined
from autoconnect.core.kernel.fields import read_amounts, read_ids_and_days, read_missing_costs, read_months
from autoconnect.core.kernel.intrinsics import at, count_bits, lowest_bit, match_byte, match_non_ascii, put
from autoconnect.core.kernel.texts import TextTables, read_texts

_U = np.uint64


class Cursor(NamedTuple):
    """How far a block is walked: the next row, the next entry of positions, the start of the next record, its line."""

    row: int
    entry: int
    start: int
    line: int


@compiled
def index_block(block: Block, delimiter: np.uint8) -> tuple[Int, bool]:
    """List the positions of all delimiters, line feeds and quotes. Return their number and if all bytes are ASCII."""
    data, positions, begin, end, _ = block
    count = 0
    high = _U(0)
    for base in range(begin, end, 64):
        bits = match_byte(data, base, delimiter) | match_byte(data, base, LF) | match_byte(data, base, QUOTE)
        non_ascii = match_non_ascii(data, base)
        remaining = end - base
        if remaining < 64:
            inside = (_U(1) << _U(remaining)) - _U(1)
            bits &= inside
            non_ascii &= inside
        high |= non_ascii
        # Always eight at once: the surplus is overwritten by the next ones.
        bit_count = count_bits(bits)
        for offset in range(8):
            put(positions, count + offset, base + lowest_bit(bits))
            bits &= bits - _U(1)
        if bit_count > 8:
            for offset in range(8, 16):
                put(positions, count + offset, base + lowest_bit(bits))
                bits &= bits - _U(1)
            for offset in range(16, bit_count):
                put(positions, count + offset, base + lowest_bit(bits))
                bits &= bits - _U(1)
        count += bit_count
    return count, high == _U(0)


@inlined
def _has_unknown_characters(data: Bytes, start: Int, end: Int, is_utf8: bool) -> bool:
    """Whether there are bytes beyond ASCII that may not be characters.

    Known are all characters of two bytes and most of three in UTF-8, and all but five bytes in Windows-1252, its gaps.
    """
    position = start
    while position < end:
        byte = at(data, position)
        if byte < 0x80:
            position += 1
        elif not is_utf8:
            if byte in (0x81, 0x8D, 0x8F, 0x90, 0x9D):
                return True
            position += 1
        elif 0xC2 <= byte < 0xE0:
            if position + 1 >= end or at(data, position + 1) & 0xC0 != 0x80:
                return True
            position += 2
        elif 0xE1 <= byte < 0xED:
            if position + 2 >= end or at(data, position + 1) & 0xC0 != 0x80 or at(data, position + 2) & 0xC0 != 0x80:
                return True
            position += 3
        else:
            return True
    return False


@inlined
def _walk_record(
    data: Bytes, end: Int, positions: Ints32, count: Int, entry: Int, start: Int, shape: Shape
) -> tuple[Int, Int, Int]:
    """Walk over the record that begins at `start` and has its first position at `entry`, with or without quotes.

    Write the ends of its fields from `entry` on, at most as many as a record should have. Return their true number,
    the entry of the line feed that ends the record, and the number of line feeds inside it; (0, 0, 0) if its end is
    not in the block.
    """
    field_count = breaks = 0
    begin = start
    index = entry
    while index < count:
        position = at(positions, index)
        byte = at(data, position)
        if byte == QUOTE:
            if position == begin:
                index += 1
                while True:
                    if index >= count or at(positions, index) - begin > shape.max_record_bytes:
                        return 0, 0, 0
                    position = at(positions, index)
                    if data[position] == QUOTE:
                        if position + 1 >= end:
                            return 0, 0, 0
                        if at(data, position + 1) != QUOTE:
                            break
                        index += 1
                    elif data[position] == LF:
                        breaks += 1
                    index += 1
            index += 1
            continue
        if field_count < shape.fields:
            put(positions, entry + field_count, position)
        field_count += 1
        if byte == LF:
            return field_count, index, breaks
        begin = position + 1
        index += 1
    return 0, 0, 0


@compiled
def _walk_records(
    block: Block, count: Int, ascii_only: bool, shape: Shape, rows: Rows, deferred: DeferredRecords, cursor: Cursor
) -> Cursor:
    """Walk over the next records, up to CHUNK rows: records of the right form become rows, others go to `deferred`."""
    data, positions, _, end, _ = block
    fields, delimiter = shape.fields, shape.delimiter
    row, entry, start, line = cursor
    last_row = row + CHUNK
    while row < last_row and entry < count:
        last = entry
        while last < count and at(data, at(positions, last)) == delimiter:
            last += 1
        field_count, breaks = last - entry + 1, 0
        if last == count or at(data, at(positions, last)) != LF:
            field_count, last, breaks = _walk_record(data, end, positions, count, entry, start, shape)
            if field_count == 0:
                return Cursor(row, count, start, line)
        following = at(positions, last) + 1
        stop = following - 1
        if stop > start and at(data, stop - 1) == CR:
            stop -= 1
        if stop > start:
            sure = (field_count == fields) & (stop - start <= shape.max_record_bytes)
            if sure and not ascii_only:
                sure = not _has_unknown_characters(data, start, stop, shape.is_utf8)
            if sure:
                put(rows.start, row, start)
                put(rows.end, row, stop)
                put(rows.line, row, line)
                put(rows.entry, row, entry)
                row += 1
            else:
                defer(deferred, start, stop, line)
        line += 1 + breaks
        start = following
        entry = last + 1
    return Cursor(row, entry, start, line)


@inlined
def _has_room(texts: TextTables) -> bool:
    """Whether the table of each span has room for as many new texts as a chunk has rows."""
    least = texts[0].sizes.shape[0] - texts[0].used[0]
    least = min(least, texts[1].sizes.shape[0] - texts[1].used[0])
    least = min(least, texts[2].sizes.shape[0] - texts[2].used[0])
    return bool(least >= CHUNK)


@compiled
def read_rows(
    block: Block,
    count: Int,
    ascii_only: bool,
    shape: Shape,
    texts: TextTables,
    rows: Rows,
    deferred: DeferredRecords,
) -> tuple[Int, Int, Int]:
    """Read the records that end in the block; `index_block` has listed `count` positions of it.

    Records of the right form go to `rows`, others to `deferred`; blank lines are skipped. Return the number of rows,
    and the start and line of the first record that was not read: it does not end in the block, or there was no more
    room.
    """
    cursor = Cursor(0, 0, block.begin, block.line)
    while cursor.entry < count and cursor.row + CHUNK <= rows.day.shape[0] and _has_room(texts):
        first = cursor.row
        cursor = _walk_records(block, count, ascii_only, shape, rows, deferred, cursor)
        last = cursor.row
        read_ids_and_days(block, shape, rows, first, last)
        read_amounts(block, shape, rows, first, last, shape.price_column, rows.price)
        if shape.duration_column >= 0:
            read_months(block, shape, rows, first, last)
        else:
            rows.months[first:last] = 0
        if shape.cost_column >= 0:
            read_amounts(block, shape, rows, first, last, shape.cost_column, rows.cost)
            read_missing_costs(block, shape, rows, first, last)
        else:
            rows.cost[first:last] = ABSENT
        read_texts(block, shape, rows, first, last, shape.spans[0], texts[0], rows.first_code)
        read_texts(block, shape, rows, first, last, shape.spans[1], texts[1], rows.second_code)
        read_texts(block, shape, rows, first, last, shape.spans[2], texts[2], rows.third_code)
    return cursor.row, cursor.start, cursor.line
