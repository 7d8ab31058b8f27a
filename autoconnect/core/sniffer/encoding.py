"""The encoding of a source: UTF-8, or Windows-1252 if more bytes are no UTF-8 than sequences are."""

import codecs
import re
from collections import Counter
from collections.abc import Iterable

from autoconnect.core.dialect import Encoding
from autoconnect.core.notes import counted
from autoconnect.core.sniffer.sightings import Judged

_ASCII_TO_SPACE = bytes(32 if code < 128 else code for code in range(256))
_SEQUENCE = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]"
    rb"|\xe0[\xa0-\xbf][\x80-\xbf]|\xed[\x80-\x9f][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}"
    rb"|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}"
)
#: What is left of a character that is cut at the start, and at the end, of a piece of a file.
_CUT_AT_START = re.compile(rb"[\x80-\xbf]{1,3}")
_CUT_AT_END = re.compile(rb"(?:[\xc2-\xf4]|[\xe0-\xf4][\x80-\xbf]|[\xf0-\xf4][\x80-\xbf]{2})\Z")


def bom_bytes(head: bytes) -> int:
    """The bytes of the byte order marks at the start of a source; some programs write one to another."""
    length = 0
    while head.startswith(codecs.BOM_UTF8, length):
        length += len(codecs.BOM_UTF8)
    return length


def judge_encoding(head: bytes, windows: Iterable[bytes], *, is_whole: bool) -> Judged[Encoding]:
    """The encoding of a source, from its start without byte order marks and pieces further on."""
    pieces = [head if is_whole else _without_end(head), *map(_uncut, windows)]
    if all(piece.isascii() for piece in pieces):
        return Judged("utf-8", "all sampled bytes are ASCII")
    if all(map(_is_utf_8, pieces)):
        return Judged("utf-8", "all sampled bytes are valid UTF-8")
    sequences, invalid = (sum(counts) for counts in zip(*map(_count, pieces), strict=True))
    evidence = f"{counted(sequences, 'valid UTF-8 sequence')}, {counted(invalid, 'byte')} in none of them"
    return Judged("cp1252" if invalid > sequences else "utf-8", evidence)


def _uncut(window: bytes) -> bytes:
    match = _CUT_AT_START.match(window)
    return _without_end(window[match.end() if match else 0 :])


def _without_end(piece: bytes) -> bytes:
    match = _CUT_AT_END.search(piece, max(len(piece) - 3, 0))
    return piece[: match.start()] if match else piece


def _is_utf_8(piece: bytes) -> bool:
    try:
        piece.decode()
    except UnicodeDecodeError:
        return False
    return True


def _count(piece: bytes) -> tuple[int, int]:
    """The number of UTF-8 sequences of several bytes, and of the bytes that are in none."""
    sequences = invalid = 0
    for run, times in Counter(piece.translate(_ASCII_TO_SPACE).split()).items():
        rest, count = _SEQUENCE.subn(b"", run)
        sequences += count * times
        invalid += len(rest) * times
    return sequences, invalid
