"""Texts become codes: the names in neighbouring columns, as they are written, are interned in a hash table."""

from typing import NamedTuple

import numpy as np

from autoconnect.core.kernel.blocks import Bytes, Int, Ints, Ints32, Span
from autoconnect.core.kernel.compiler import compiled, inlined
from autoconnect.core.kernel.intrinsics import MIX, at, hash_bytes, is_head, load, put

#: Bytes of a text that are compared at once; a longer text takes further steps.
HEAD = 64
_U = np.uint64
#: In place of a code: the first slot that was compared does not hold the text.
_MISSED = -2


class TextTable(NamedTuple):
    """The distinct texts of a span. Their index, in order of appearance, is their code.

    `slots` is an open-addressing hash table: above 32 bits the size of a text plus one, below them its code; 0 is an
    empty slot. `heads` has the first HEAD bytes of each text, filled up with zeros; the text itself is the `sizes`
    bytes at `starts` of `content`. `used` has two counts: the texts, and the bytes of `content`.
    """

    slots: Ints
    heads: Bytes
    sizes: Ints
    starts: Ints
    content: Bytes
    used: Ints


@inlined
def _hash_text(data: Bytes, start: Int, size: Int) -> Int:
    """The hash of a text of any size. Most have 16 to 32 bytes: they are read as four words that may overlap."""
    if (size >= 16) & (size <= 32):
        end = start + size
        first = (load(data, start) ^ _U(size)) * _U(MIX) + load(data, start + 8)
        last = (load(data, end - 16) ^ (first >> _U(31))) * _U(MIX) + load(data, end - 8)
        mixed = (first ^ (last >> _U(29)) ^ last) * _U(MIX)
        return np.int64(mixed >> _U(33))
    mixed = hash_bytes(data, start, min(size, HEAD))
    for offset in range(start + HEAD, start + size, HEAD):
        mixed = (mixed * 31) ^ hash_bytes(data, offset, min(start + size - offset, HEAD))
    return mixed & 0x7FFFFFFF


@inlined
def _is_text(data: Bytes, start: Int, size: Int, heads: Bytes, head: Int) -> bool:
    """Whether a text of up to HEAD bytes is that of a head."""
    if (size >= 16) & (size <= 32):
        end, last = start + size, head + size
        first_differs = (load(data, start) ^ load(heads, head)) | (load(data, start + 8) ^ load(heads, head + 8))
        last_differs = (load(data, end - 16) ^ load(heads, last - 16)) | (load(data, end - 8) ^ load(heads, last - 8))
        return bool(first_differs | last_differs == _U(0))
    return bool((size <= HEAD) & is_head(data, start, size, heads, head))


@compiled
def _intern(data: Bytes, start: Int, size: Int, texts: TextTable) -> Int:
    """The code of a text, which is added if it is new. Each array must have room for one more."""
    wrap, head_size = texts.slots.shape[0] - 1, min(size, HEAD)
    slot = _hash_text(data, start, size) & wrap
    while texts.slots[slot] != 0:
        code = texts.slots[slot] & 0xFFFFFFFF
        if texts.slots[slot] >> 32 == size + 1 and is_head(data, start, head_size, texts.heads, HEAD * code):
            offset = HEAD
            while offset < size and data[start + offset] == texts.content[texts.starts[code] + offset]:
                offset += 1
            if offset >= size:
                return code
        slot = (slot + 1) & wrap
    code = texts.used[0]
    texts.slots[slot] = (size + 1) << 32 | code
    texts.sizes[code] = size
    texts.starts[code] = texts.used[1]
    for offset in range(size):
        texts.content[texts.used[1] + offset] = data[start + offset]
    for offset in range(HEAD):
        texts.heads[HEAD * code + offset] = data[start + offset] if offset < size else 0
    texts.used[0] += 1
    texts.used[1] += size
    return code


@compiled
def rehash_texts(texts: TextTable) -> None:
    """Fill the empty `slots` of a table with its texts. HEAD bytes after the last text must be readable, too."""
    wrap = texts.slots.shape[0] - 1
    for code in range(texts.used[0]):
        slot = _hash_text(texts.content, texts.starts[code], texts.sizes[code]) & wrap
        while texts.slots[slot] != 0:
            slot = (slot + 1) & wrap
        texts.slots[slot] = (texts.sizes[code] + 1) << 32 | code


@inlined
def _span_bounds(positions: Ints32, entry: Ints32, row: Int, span: Span) -> tuple[Int, Int]:
    index = at(entry, row)
    return at(positions, index + span.first - 1) + 1, at(positions, index + span.last)


@compiled
def _read_missed(
    data: Bytes, positions: Ints32, entry: Ints32, count: Int, span: Span, texts: TextTable, codes: Ints32
) -> None:
    """Read the texts that are new, or long, or in a later slot because another text has the first one."""
    for row in range(count):
        if codes[row] == _MISSED:
            begin, end = _span_bounds(positions, entry, row, span)
            codes[row] = _intern(data, begin, end - begin, texts)


@compiled
def read_texts(
    data: Bytes, positions: Ints32, entry: Ints32, count: Int, span: Span, texts: TextTable, codes: Ints32
) -> None:
    """Read the texts of a span into `codes`, as they are written: with quotes, and with delimiters between fields."""
    slots, heads = texts.slots, texts.heads
    wrap = slots.shape[0] - 1
    missed = False
    for row in range(count):
        begin, end = _span_bounds(positions, entry, row, span)
        size = end - begin
        slot_value = at(slots, _hash_text(data, begin, size) & wrap)
        code = slot_value & 0xFFFFFFFF
        is_same = (slot_value >> 32 == size + 1) & _is_text(data, begin, size, heads, HEAD * code)
        missed |= not is_same
        put(codes, row, np.int32(code if is_same else _MISSED))
    if missed:
        _read_missed(data, positions, entry, count, span, texts, codes)
