"""The layout of a source: its encoding, delimiter, decimal mark and columns.

It is determined once, while the job is planned, from the start of the file and a few windows further on.
"""

import codecs
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Literal, Self

from autoconnect.core.records import split_fields, split_records
from autoconnect.core.schema import COLUMNS, DecimalMark, header_name
from autoconnect.errors import SourceError

#: The layout is determined from the first 1 MiB of a source ...
HEAD_BYTES = 1 << 20
#: ... and from 64 windows of 64 KiB, evenly spread over it.
WINDOWS = 64
WINDOW_BYTES = 1 << 16

#: Bytes after leading blank lines within which the header line must end.
_HEADER_BYTES = 1 << 16
_DELIMITERS = (",", ";", "\t")
_COLUMN_OF = {name: meaning for meaning, column in COLUMNS.items() for name in column.names}


@dataclass(frozen=True)
class Layout:
    """The form in which a source is written; a worker needs it to read a batch.

    `fields` is the number of fields of a record. `positions` maps the meaning of a column to its index among the
    fields; optional columns may be missing. `data_start` is the offset of the first byte after the header, and
    `header_lines` the number of physical lines before that byte.
    """

    encoding: Literal["utf-8", "cp1252"]
    delimiter: str
    fields: int
    positions: Mapping[str, int]
    data_start: int
    header_lines: int

    @property
    def decimal(self) -> DecimalMark:
        """The decimal mark of amounts."""
        return "," if self.delimiter == ";" else "."

    def to_json(self) -> str:
        """This layout as JSON, for Redis."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The layout that `to_json` wrote."""
        return cls(**json.loads(text))


def window_offsets(size: int) -> list[int]:
    """The offsets of the windows of a source of `size` bytes; none if its head is the whole source."""
    if size <= HEAD_BYTES:
        return []
    last = size - WINDOW_BYTES
    return [last * number // WINDOWS for number in range(1, WINDOWS + 1)]


def sniff(head: bytes, windows: Iterable[bytes]) -> Layout:
    """The layout of a source, determined from its first HEAD_BYTES and the windows at `window_offsets()`.

    Raises SourceError if the source is empty or binary, or if its header lacks a needed column or has one twice.
    """
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise SourceError("The file is encoded in UTF-16; save it as UTF-8 CSV.")
    samples = [head, *windows]
    if any(b"\0" in sample for sample in samples):
        raise SourceError("The file is binary (it has NUL bytes), not a CSV.")
    bom = len(codecs.BOM_UTF8) if head.startswith(codecs.BOM_UTF8) else 0
    encoding: Literal["utf-8", "cp1252"] = "utf-8" if bom or all(map(_is_utf8, samples)) else "cp1252"
    content = head[bom:]
    blank = len(content) - len(content.lstrip(b"\r\n"))
    if blank == len(content):
        raise SourceError("The file is empty; a header line was expected.")
    candidates = []
    for delimiter in _DELIMITERS:
        header = next(split_records(content[blank : blank + _HEADER_BYTES], b"", delimiter)).raw
        names = [header_name(field) for field in split_fields(header.decode(encoding, "replace"), delimiter)]
        line_feed = content.find(b"\n", blank + len(header))
        end = len(content) if line_feed < 0 else line_feed + 1
        layout = Layout(encoding, delimiter, len(names), _positions(names), bom + end, content.count(b"\n", 0, end))
        candidates.append((names, layout))
    names, layout = max(candidates, key=lambda candidate: (len(candidate[1].positions), len(candidate[0])))
    _check_header(names, layout)
    if bom + blank + _HEADER_BYTES < layout.data_start:
        raise SourceError(f"The header line is longer than {_HEADER_BYTES:,} bytes; lines must end with a line feed.")
    return layout


def _positions(names: list[str]) -> dict[str, int]:
    return {_COLUMN_OF[name]: index for index, name in enumerate(names) if name in _COLUMN_OF}


def _check_header(names: list[str], layout: Layout) -> None:
    meanings = [_COLUMN_OF[name] for name in names if name in _COLUMN_OF]
    missing = [column.names[0] for meaning, column in COLUMNS.items() if column.needed and meaning not in meanings]
    if missing:
        shown = layout.delimiter.join(names)[:200]
        header = "".join(letter if letter.isprintable() else " " for letter in shown)
        raise SourceError(f"The header lacks {', '.join(missing)}; read as {layout.encoding}, it is: {header}")
    for meaning in sorted(set(meanings)):
        if meanings.count(meaning) > 1:
            duplicates = [name for name in names if _COLUMN_OF.get(name) == meaning]
            raise SourceError(f"The header has two columns with the same meaning: {', '.join(duplicates)}; keep one.")


def _is_utf8(sample: bytes) -> bool:
    """Whether a piece of a file can be UTF-8; a character may be cut in two at either end of the piece."""
    start = 0
    while start < min(3, len(sample)) and sample[start] & 0xC0 == 0x80:
        start += 1
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample[start:], final=False)
    except UnicodeDecodeError:
        return False
    return True
