"""Files of another kind than CSV, told by their first bytes."""

import re
from collections.abc import Sequence

from autoconnect.errors import SourceError

_TO_CSV = "open it and save it as CSV UTF-8"
_UNPACK = "unpack it first"
_SAVE = "save it as CSV UTF-8"
#: The first bytes of a kind of text, its name, and what to do with it.
_TEXTS: Sequence[tuple[bytes, str, str]] = (
    (b"\xff\xfe\0\0", "UTF-32 text", _SAVE),
    (b"\0\0\xfe\xff", "UTF-32 text", _SAVE),
    (b"\xff\xfe", "UTF-16 text", _SAVE),
    (b"\xfe\xff", "UTF-16 text", _SAVE),
    (b"{\\rtf", "an RTF file", _TO_CSV),
)
#: The same of files that are not text.
_BINARIES: Sequence[tuple[bytes, str, str]] = (
    (b"\x1f\x8b", "a gzip file", _UNPACK),
    (b"BZh", "a bzip2 file", _UNPACK),
    (b"\xfd7zXZ\0", "an xz file", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip file", _UNPACK),
    (b"Rar!\x1a\x07", "a RAR file", _UNPACK),
    (b"PAR1", "a Parquet file", "write it as CSV UTF-8"),
    (b"ARROW1", "an Arrow file", "write it as CSV UTF-8"),
    (b"SQLite format 3\0", "an SQLite database", "export its table as CSV UTF-8"),
    (b"%PDF-", "a PDF file", "export the table that it shows as CSV UTF-8"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel file (xls)", _TO_CSV),
)
_ZIP = b"PK\x03\x04"
_EMPTY_ZIP = b"PK\x05\x06"
#: Names of entries, which stand near the start of such a file, and the kind of the file.
_ZIP_KINDS: Sequence[tuple[bytes, str]] = (
    (b"[Content_Types].xml", "an Excel file (xlsx)"),
    (b"xl/", "an Excel file (xlsx)"),
    (b"opendocument.spreadsheet", "an OpenDocument spreadsheet (ods)"),
)
_HTML = re.compile(rb"[\s\xef\xbb\xbf]*<(?:!doctype|html|head|body|meta|table|div)\b", re.IGNORECASE)
_XML = re.compile(rb"[\s\xef\xbb\xbf]*<\?xml\b")
_JSON = re.compile(rb'[\s\xef\xbb\xbf]*(?:\{\s*["}]|\[\s*[\[{"\]])')
#: Bytes in which UTF-16 without a byte order mark is looked for, and in which a zip file tells what it holds.
START_BYTES = 4096
#: The first bytes, which are part of the header: no header is shorter. A NUL in a row only makes that a reject.
_HEADER_BYTES = 24
#: Bytes of text for each NUL; a file with more of them is binary.
_BYTES_PER_NUL = 32


def check_kind(head: bytes) -> None:
    """Raise SourceError, which names the kind and says what to do, if a file is of another kind than CSV."""
    _refuse(head, _binaries(head) or _texts(head) or _markups(head))


def check_text(head: bytes) -> None:
    """Raise the same if a file is not text at all; `head` is its first START_BYTES."""
    _refuse(head, _binaries(head) or ([] if _texts(head) else _bytes_of_no_text(head)))


def _refuse(head: bytes, kinds: Sequence[tuple[str, str]]) -> None:
    for kind, advice in kinds:
        first = head[:4].hex(" ").upper()
        raise SourceError(f"The file is {kind} (its first bytes are {first}), not a CSV; {advice}.")


def _binaries(head: bytes) -> list[tuple[str, str]]:
    """The kind of file, other than text, that begins like this."""
    if head.startswith((_ZIP, _EMPTY_ZIP)):
        start = head[:START_BYTES]
        return [(kind, _TO_CSV) for name, kind in _ZIP_KINDS if name in start][:1] or [("a zip file", _UNPACK)]
    return [(kind, advice) for magic, kind, advice in _BINARIES if head.startswith(magic)]


def _texts(head: bytes) -> list[tuple[str, str]]:
    """The kind of text that begins like this."""
    for magic, kind, advice in _TEXTS:
        if head.startswith(magic):
            return [(kind, advice)]
    return [("UTF-16 text", _SAVE)] if _is_utf_16(head[:START_BYTES]) else []


def _bytes_of_no_text(head: bytes) -> list[tuple[str, str]]:
    if 0 in head[:_HEADER_BYTES] or head.count(0) * _BYTES_PER_NUL > len(head):
        return [("a binary file", "export its table as CSV UTF-8")]
    return []


def _markups(head: bytes) -> list[tuple[str, str]]:
    """The kind of text that is written in a language of its own."""
    if _HTML.match(head):
        return [("an HTML page", "export its table as CSV UTF-8")]
    if _XML.match(head):
        return [("an XML file", _TO_CSV)]
    return [("a JSON file", "write it as CSV UTF-8")] if _JSON.match(head) else []


def _is_utf_16(start: bytes) -> bool:
    """Whether every second byte of a text is NUL, nearly always, and its neighbours nearly never."""
    even, odd = start[::2].count(0), start[1::2].count(0)
    return 10 * max(even, odd) > 4 * len(start) and 10 * min(even, odd) < max(even, odd)
