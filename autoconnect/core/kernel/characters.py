"""Which bytes keep a record from being read: they are no characters, or characters of a rare kind."""

from typing import NamedTuple

import numpy as np

from autoconnect.core.kernel.blocks import CR, LF, TAB, Bytes, Int, Shape
from autoconnect.core.kernel.compiler import compiled, inlined
from autoconnect.core.kernel.intrinsics import match_byte, match_less

_U = np.uint64
_NONE, _ONE, _TOP = _U(0), _U(1), _U(63)


class Doubts(NamedTuple):
    """Of 64 bytes, as bits: those that make a record doubtful; and, in Windows-1252, those beyond ASCII, and those
    that prove that a record is no UTF-8."""

    doubtful: np.uint64
    high: np.uint64
    proof: np.uint64


class Begun(NamedTuple):
    """Characters that the bytes before have begun, as bits of the first bytes after them.

    `expected`: a character needs this byte. In Windows-1252, `after_lead`: a byte that begins a character of UTF-8
    stands right before; `near_lead`: or up to three bytes before.
    """

    expected: np.uint64
    after_lead: np.uint64
    near_lead: np.uint64


NOTHING_BEGUN = Begun(_NONE, _NONE, _NONE)


@inlined
def is_begun(begun: Begun) -> bool:
    """Whether any character is begun."""
    return bool(begun.expected | begun.near_lead != _NONE)


@inlined
def rare_controls(data: Bytes, base: Int, controls: np.uint64) -> np.uint64:
    """Those of the control characters that make a record doubtful: all but tabs; the CR of a line end is not given."""
    return controls & ~match_byte(data, base, TAB) if controls != _NONE else _NONE


@inlined
def doubts(
    data: Bytes, base: Int, rare: np.uint64, high: np.uint64, begun: Begun, shape: Shape
) -> tuple[Doubts, Begun]:
    """The doubts about 64 bytes that have rare controls, or bytes beyond ASCII (`high`), or go on with characters.

    Known are all characters of two bytes and most of three in UTF-8; all but five bytes in Windows-1252, its gaps.
    """
    continuing = match_less(data, base, -64) & high  # 0x80 to 0xBF
    lead = high & ~continuing
    if shape.is_utf8:
        two = lead & match_less(data, base, -32) & ~match_less(data, base, -62)  # 0xC2 to 0xDF
        # 0xE1 to 0xEF, but not 0xED, which also begins halves of pairs
        three = lead & match_less(data, base, -16) & ~match_less(data, base, -31)
        three &= ~match_byte(data, base, np.uint8(0xED))
        expected = (two | three) << _ONE | three << _U(2) | begun.expected
        bad = (expected ^ continuing) | (lead & ~two & ~three)
        return Doubts(rare | bad, _NONE, _NONE), Begun((two | three) >> _TOP | three >> _U(62), _NONE, _NONE)
    gaps = match_byte(data, base, np.uint8(0x81)) | match_byte(data, base, np.uint8(0x8D))
    gaps |= match_byte(data, base, np.uint8(0x8F)) | match_byte(data, base, np.uint8(0x90))
    gaps |= match_byte(data, base, np.uint8(0x9D))
    after_lead = lead << _ONE | begun.after_lead
    near_lead = after_lead | lead << _U(2) | lead << _U(3) | begun.near_lead
    # In UTF-8, bytes that continue a character follow its first one, and at most three of them.
    proof = (after_lead & ~continuing) | (continuing & ~near_lead)
    begun = Begun(_NONE, lead >> _TOP, lead >> _TOP | lead >> _U(62) | lead >> _U(61))
    return Doubts(rare | (gaps & high), high, proof), begun


@compiled
def is_doubtful(data: Bytes, start: Int, stop: Int, shape: Shape) -> bool:
    """Whether a record is doubtful: that from `start` to `stop`, the end of its line end."""
    begun, has_high, has_proof = NOTHING_BEGUN, False, False
    for base in range(start, stop, 64):
        within = ~_NONE
        if stop - base < 64:
            within = (_ONE << _U(stop - base)) - _ONE
        separators = match_byte(data, base, shape.delimiter) | match_byte(data, base, shape.line_end)
        if shape.line_end == LF:
            separators |= match_byte(data, base, CR) & match_byte(data, base + 1, LF)
        unusual = match_less(data, base, 32) & ~separators & within
        if (unusual != _NONE) | is_begun(begun):
            high = match_less(data, base, 0) & within
            rare = rare_controls(data, base, unusual & ~high)
            found, begun = doubts(data, base, rare, high, begun, shape)
            if found.doubtful & within != _NONE:
                return True
            has_high |= found.high != _NONE
            has_proof |= found.proof & within != _NONE
    return has_high and not has_proof
