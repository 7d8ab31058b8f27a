"""Walks over a single record with quotes of any kind, by the rules of `records.View.record_end`."""

from typing import NamedTuple

import numpy as np

from autoconnect.core.kernel.blocks import (
    CHUNK_BYTES,
    CR,
    LF,
    QUOTE,
    SPACE,
    TAB,
    Block,
    Bytes,
    Int,
    Ints32,
    Shape,
    Words,
)
from autoconnect.core.kernel.compiler import compiled, inlined
from autoconnect.core.kernel.intrinsics import at, load, put

_U = np.uint64
#: What a walk ends at: the end of the block, before that of the record; a stray quote; the record's end.
CUT, STRAY, WHOLE = 0, 1, 2
#: No white space has more bytes.
_SPACE_BYTES = 3


class Walk(NamedTuple):
    """What a walk has found: how it ended, the number of fields, of line ends in quotes, the line end of the record.

    After a stray quote, the record is its first physical line. `stray` is the farthest offset that a record with a
    stray quote has reached: on the way there, each line end is in quotes.
    """

    outcome: int
    fields: int
    breaks: int
    line_end: int
    stray: int


@inlined
def word_size(data: Bytes, position: Int, words: Words) -> Int:
    """The size of the first word that stands at a position, 0 if there is none."""
    text = load(data, position)
    for word in words:
        size = np.int64(word >> _U(56))
        if (text ^ word) << _U(64 - 8 * size) == _U(0):
            return size
    return 0


@inlined
def ends_in_pair(data: Bytes, start: Int, line_end: Int, shape: Shape) -> Int:
    """1 if a CR stands before the line end of a record and belongs to it, otherwise 0."""
    return np.int64((shape.line_end == LF) & (line_end > start) & (at(data, line_end - 1) == CR))


@inlined
def _find(data: Bytes, byte: np.uint8, start: Int, end: Int) -> Int:
    """The first position of a byte, `end` if there is none."""
    position = start
    while position < end and at(data, position) != byte:
        position += 1
    return position


@inlined
def _skip_spaces(data: Bytes, start: Int, end: Int, shape: Shape, words: Words) -> Int:
    """The first position that has no white space, delimiter or line end aside; `words` have those beyond ASCII."""
    position = start
    while position < end:
        byte = at(data, position)
        if byte == shape.delimiter or byte == shape.line_end:
            break
        is_space = (byte == SPACE) | ((byte >= TAB) & (byte < 14)) | ((byte >= 28) & (byte < 32))
        size = 1 if is_space else word_size(data, position, words) if byte >= 128 else 0
        if size == 0 or position + size > end:
            break
        position += size
    return position


@inlined
def _closing_quote(data: Bytes, opening: Int, end: Int, limit: Int) -> Int:
    """The first quote that is not doubled; -1 if there is none within `limit` bytes, `end` if it is not in sight."""
    stop = min(opening + limit + 1, end)
    quote = opening + 1
    while True:
        quote = _find(data, QUOTE, quote, stop)
        if quote >= stop:
            return -1 if stop < end else end
        if quote + 1 >= end:
            return end
        if at(data, quote + 1) != QUOTE:
            return quote
        quote += 2


@compiled
def walk_record(block: Block, shape: Shape, start: Int, positions: Ints32, entry: Int, stray: Int) -> Walk:
    """Walk over the record that begins at `start`, and write the ends of its fields from `entry` on."""
    data, _, end, _ = block
    first_end = line_end = _find(data, shape.line_end, start, end)
    fields = breaks = 0
    begin = start
    while line_end < end:
        opening = _skip_spaces(data, begin, line_end, shape, shape.openings)
        if at(data, opening) == QUOTE:
            closing = _closing_quote(data, opening, end, shape.max_record_bytes)
            if closing == end:
                break
            if closing < 0:
                return Walk(STRAY, 0, 0, first_end, max(stray, opening))
            if first_end < min(closing, stray):
                return Walk(STRAY, 0, 0, first_end, stray)
            begin = _skip_spaces(data, closing + 1, end, shape, shape.spaces)
            if begin == end:
                break
            if at(data, begin) != shape.delimiter and at(data, begin) != shape.line_end:
                if begin + _SPACE_BYTES > end:
                    break
                return Walk(STRAY, 0, 0, first_end, max(stray, closing))
            for position in range(opening + 1, closing):
                breaks += at(data, position) == shape.line_end
            if begin > line_end:
                line_end = _find(data, shape.line_end, begin, end)
                if line_end == end:
                    break
        field_end = _find(data, shape.delimiter, begin, line_end)
        if field_end == line_end:
            field_end -= ends_in_pair(data, start, line_end, shape)
            put(positions, entry + min(fields, CHUNK_BYTES), np.int32(field_end))
            put(positions, entry + min(fields, CHUNK_BYTES) + line_end - field_end, np.int32(line_end))
            return Walk(WHOLE, fields + 1, breaks, line_end, stray)
        put(positions, entry + min(fields, CHUNK_BYTES), np.int32(field_end))
        fields += 1
        begin = field_end + 1
    return Walk(CUT, 0, 0, end, stray)
