"""Encoding and line end, and the files that are no text at all."""

import codecs
import re

from tests.oracle.failures import CannotPlan
from tests.oracle.samples import Piece

BOM = codecs.BOM_UTF8
_BLANK = rb"[\s\xef\xbb\xbf]*"
_FORMATS = (
    (rb"\xff\xfe|\xfe\xff|\x00\x00\xfe\xff", "a UTF-16 or UTF-32 text"),
    (rb"\x1f\x8b|BZh|\xfd7zXZ\x00|\x28\xb5\x2f\xfd|7z\xbc\xaf\x27\x1c|Rar!\x1a\x07", "a packed file"),
    (rb"PK\x03\x04(?s:.*)xl/", "an xlsx workbook"),
    (rb"PK\x03\x04|PK\x05\x06", "a zip file"),
    (rb"PAR1", "a Parquet file"),
    (rb"ARROW1", "an Arrow file"),
    (rb"SQLite format 3\x00", "an SQLite database"),
    (rb"%PDF-", "a PDF file"),
    (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1|\{\\rtf", "an Office document"),
    (_BLANK + rb"<(?i:!doctype|html|head|body|meta|table|div)\b", "an HTML page"),
    (_BLANK + rb"<\?xml\b", "an XML file"),
    (_BLANK + rb"""(?:\{\s*["}]|\[\s*[\[{"\]])""", "a JSON file"),
)


def without_boms(data: bytes) -> bytes:
    """Drop all leading byte order marks."""
    while data.startswith(BOM):
        data = data[len(BOM) :]
    return data


def refuse_other_formats(data: bytes) -> None:
    """Refuse a file that is no CSV in UTF-8 or Windows-1252, by its first bytes."""
    start = data[:4096]
    for pattern, name in _FORMATS:
        if re.match(pattern, start):
            raise CannotPlan(f"The file is {name}: save it as CSV in UTF-8.")
    even, odd = start[0::2].count(0), start[1::2].count(0)
    if max(even, odd) > 0.4 * len(start) and min(even, odd) < 0.1 * max(even, odd):
        raise CannotPlan("The file is a UTF-16 text: save it as CSV in UTF-8.")


def judge_encoding(sample: list[Piece]) -> str:
    """cp1252 if bytes that are in no valid sequence outnumber the valid sequences of several bytes, else utf-8.

    Byte order marks at the start of the file are no such sequences.
    """
    invalid = valid = 0
    for piece in sample:
        for char in _decode(piece):
            invalid += "\udc80" <= char <= "\udcff"
            valid += char >= "\x80" and not "\udc80" <= char <= "\udcff"
    return "cp1252" if invalid > valid else "utf-8"


def _decode(piece: Piece) -> str:
    """The text of a part of a file, without sequences that are cut at its edges; invalid bytes are surrogates."""
    data = piece.data if piece.cut_before else without_boms(piece.data)
    for _ in range(3 if piece.cut_before else 0):
        if data[:1] and 0x80 <= data[0] <= 0xBF:
            data = data[1:]
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    return decoder.decode(data, final=not piece.cut_after)


def judge_line_end(head: bytes) -> str:
    """`cr` if the first MiB has no line feed."""
    return "lf" if b"\n" in head else "cr"
