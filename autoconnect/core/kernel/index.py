"""Step 1: list the ends of fields and records, 64 bytes at a time, as far as all quotes are where they are expected.

Quotes are expected right before and after a field, and doubled in it; a line end is not expected in quotes. Which bytes
are in quotes follows from the number of quotes before them. Where something else comes, the list ends, and `walk`
goes on.
"""

from typing import NamedTuple

import numpy as np

from autoconnect.core.kernel.blocks import CHUNK_BYTES, CR, LF, QUOTE, Block, Bytes, Int, Ints32, Shape
from autoconnect.core.kernel.characters import NOTHING_BEGUN, Doubts, doubts, is_begun, rare_controls
from autoconnect.core.kernel.compiler import compiled, inlined
from autoconnect.core.kernel.intrinsics import at, count_bits, lowest_bit, match_byte, match_less, put, put_bit_indexes

_U = np.uint64
_NONE, _ONE, _TOP = _U(0), _U(1), _U(63)
#: Ends of records that are always written: few groups of 64 bytes have more.
_USUAL_RECORDS = 2
#: Doubts about a record: it may have bytes that are no characters; it has some beyond ASCII; it is no UTF-8.
DOUBTFUL, HIGH, PROOF = 1, 2, 4


class Index(NamedTuple):
    """The ends of the fields of a chunk, and for each of its records the entry there of its line end, and doubts."""

    positions: Ints32
    ends: Ints32
    doubts: Bytes


class Quotes(NamedTuple):
    """Of 64 bytes, as bits: those in quotes, quotes that close, and bytes that are not as expected."""

    inside: np.uint64
    closing: np.uint64
    odd: np.uint64


def make_index() -> Index:
    """Room for the ends in a chunk, and for those that are written in advance."""
    return Index(
        positions=np.zeros(2 * CHUNK_BYTES + 256, np.int32),
        ends=np.zeros(CHUNK_BYTES + 256, np.int32),
        doubts=np.zeros(CHUNK_BYTES + 256, np.uint8),
    )


@inlined
def _bits_up_to(word: np.uint64) -> np.uint64:
    """For each bit, whether the number of bits from the lowest one to it is odd."""
    word ^= word << _U(1)
    word ^= word << _U(2)
    word ^= word << _U(4)
    word ^= word << _U(8)
    word ^= word << _U(16)
    return word ^ (word << _U(32))


@inlined
def _read_quotes(
    block: Block, base: Int, quotes: np.uint64, separators: np.uint64, before: Quotes, was_end: np.uint64, shape: Shape
) -> Quotes:
    """The quotes among 64 bytes; `before` are those of the 64 bytes before; `was_end`, if a separator ended them."""
    inside = _bits_up_to(quotes) ^ (_NONE - (before.inside >> _TOP))
    opening, closing = quotes & inside, quotes & ~inside
    after_closing = closing << _ONE | before.closing >> _TOP
    may_open = (separators & ~inside) << _ONE | was_end | after_closing
    line_ends = match_byte(block.data, base, shape.line_end)
    odd = (opening & ~may_open) | (after_closing & ~(separators | quotes)) | (line_ends & inside)
    return Quotes(inside, closing, odd)


@inlined
def _note_doubts(found: Doubts, ends: np.uint64, records: Int, index: Index) -> None:
    """Note the doubts about 64 bytes for each record that has some of them; `ends` are the line ends."""
    rest = ends
    record = records
    while True:
        bits = rest ^ (rest - _ONE)  # up to the line end
        noted = index.doubts[record] | np.uint8(DOUBTFUL * (found.doubtful & bits != _NONE))
        noted |= np.uint8(HIGH * (found.high & bits != _NONE)) | np.uint8(PROOF * (found.proof & bits != _NONE))
        index.doubts[record] = noted
        if rest == _NONE:
            break
        found = Doubts(found.doubtful & ~bits, found.high & ~bits, found.proof & ~bits)
        rest &= rest - _ONE
        record += 1


@inlined
def _list_ends(index: Index, base: Int, separators: np.uint64, ends: np.uint64, count: Int, records: Int) -> None:
    """Write the positions of separators, and the entries of line ends. What is written in advance is overwritten."""
    if put_bit_indexes(index.positions, count, separators, base) < count_bits(separators):
        bits = separators
        for offset in range(count_bits(separators)):
            put(index.positions, count + offset, np.int32(base + lowest_bit(bits)))
            bits &= bits - _ONE
    for offset in range(_USUAL_RECORDS):
        put(index.ends, records + offset, count + count_bits(separators & (ends ^ (ends - _ONE))) - 1)
        ends &= ends - _ONE
    for offset in range(_USUAL_RECORDS, _USUAL_RECORDS + count_bits(ends)):
        put(index.ends, records + offset, count + count_bits(separators & (ends ^ (ends - _ONE))) - 1)
        ends &= ends - _ONE


@inlined
def _match_usual(data: Bytes, base: Int, shape: Shape) -> tuple[np.uint64, np.uint64, np.uint64]:
    """Of 64 bytes, as bits: separators, line ends, and quotes, controls and bytes beyond ASCII."""
    ends = match_byte(data, base, shape.line_end)
    separators = match_byte(data, base, shape.delimiter) | ends
    unusual = (match_less(data, base, 32) & ~separators) | match_byte(data, base, QUOTE)
    return separators, ends, unusual


@compiled
def _index_usual(data: Bytes, shape: Shape, start: Int, stop: Int, index: Index, count: Int) -> tuple[Int, Int, Int]:
    """Do what `index_chunk` does, as long as there are 64 bytes without anything unusual.

    Return where the list ends, the number of entries, and of records.
    """
    base, records = start, 0
    while base + 64 <= stop:
        separators, ends, unusual = _match_usual(data, base, shape)
        if unusual != _NONE:
            break
        _list_ends(index, base, separators, ends, count, records)
        count += count_bits(separators)
        records += count_bits(ends)
        base += 64
    return base, count, records


@compiled
def index_chunk(block: Block, shape: Shape, start: Int, stop: Int, index: Index, count: Int) -> tuple[Int, Int, bool]:
    """List the ends of the fields from `start` to `stop`, from entry `count` on, and those of the records from 0 on.

    A record begins at `start`. Where a CR belongs to a line end, the last field ends at the CR, and the record one
    entry later. Return the number of entries, of records, and whether something is not as expected.
    """
    data, is_odd, is_open = block.data, False, False
    start, count, records = _index_usual(data, shape, start, stop, index, count)
    last = at(data, start - 1)
    quoted, begun = Quotes(_NONE, _NONE, _NONE), NOTHING_BEGUN
    was_end = _U((count == 1) | (last == shape.delimiter) | (last == shape.line_end))
    for base in range(start, stop, 64):
        separators, ends, unusual = _match_usual(data, base, shape)
        within = ~_NONE
        if stop - base < 64:
            within = (_ONE << _U(stop - base)) - _ONE
            separators, ends, unusual = separators & within, ends & within, unusual & within
        if (unusual != _NONE) | is_open:
            if shape.line_end == LF:
                pairs = match_byte(data, base, CR) & match_byte(data, base + 1, LF) & within
                separators |= pairs
                unusual &= ~pairs
            quotes = match_byte(data, base, QUOTE) & within
            unusual &= ~quotes
            if quotes | quoted.inside >> _TOP | quoted.closing >> _TOP != _NONE:
                quoted = _read_quotes(block, base, quotes, separators, quoted, was_end, shape)
                separators &= ~quoted.inside
                odd = quoted.odd & within
                if odd != _NONE:
                    is_odd = True
                    within = (odd - _ONE) & ~odd
                    separators, ends, unusual = separators & within, ends & within, unusual & within
            if (unusual != _NONE) | is_begun(begun):
                high = match_less(data, base, 0) & within
                rare = rare_controls(data, base, unusual & ~high)
                found, begun = doubts(data, base, rare, high, begun, shape)
                if found.doubtful | found.high | found.proof != _NONE:
                    _note_doubts(found, ends, records, index)
            is_open = is_begun(begun) | (quoted.inside >> _TOP | quoted.closing >> _TOP != _NONE)
        _list_ends(index, base, separators, ends, count, records)
        count += count_bits(separators)
        records += count_bits(ends)
        if is_odd:
            break
        was_end = separators >> _TOP
    return count, records, is_odd
