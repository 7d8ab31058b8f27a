"""Records that are no rows: headers between the rows, and lines that name the delimiter."""

import codecs
import re
from collections.abc import Sequence
from typing import Self

from autoconnect.core.days import is_day
from autoconnect.core.layout import Layout
from autoconnect.core.meanings import Meanings
from autoconnect.core.records import Record, split_fields
from autoconnect.core.schema import trimmed
from autoconnect.core.tally import OTHER_HEADER, REPEATED_HEADERS

#: Names of different meanings that make a record without a date a header.
_MIN_NAMES = 3
_SEP_LINE = re.compile(r'[\s\ufeff]*"?sep=(.?)"?(.*)', re.IGNORECASE | re.DOTALL)


class Headers:
    """Recognizes headers of sources that were written one after the other, by the names in that of the first."""

    def __init__(self, names: Sequence[str], meanings: Meanings, delimiter: str, *, has_sep_line: bool) -> None:
        self._delimiter = delimiter
        self._meanings = meanings
        self._in_first = _without_end(meanings.of(names))
        self._has_sep_line = has_sep_line

    @classmethod
    def of(cls, layout: Layout) -> Self:
        """Those of a source with this layout."""
        meanings = Meanings(layout.given_columns)
        return cls(layout.names, meanings, layout.delimiter, has_sep_line=layout.has_sep_line)

    def names_delimiter(self, record: Record) -> bool:
        """Whether a record is a line `sep=;` as the one in which the source begins."""
        if not self._has_sep_line or b"=" not in record.raw:
            return False
        return named_delimiter(decode_header(record.raw)) == self._delimiter

    def kind_of(self, record: Record) -> str | None:
        """REPEATED_HEADERS if a record is a header with the columns of the layout, OTHER_HEADER if it has others.

        It is none if it has a date, fewer than three names of different meanings, or records in a field.
        """
        names = split_fields(decode_header(record.raw), self._delimiter)
        if len(names) < _MIN_NAMES or any(is_day(trimmed(name)) for name in names):
            return None
        if holds_records(names, self._delimiter):
            return None
        meanings = _without_end(self._meanings.of(names))
        if len(set(meanings) - {None}) < _MIN_NAMES:
            return None
        return REPEATED_HEADERS if meanings == self._in_first else OTHER_HEADER


def named_delimiter(text: str) -> str | None:
    """X if a line is `sep=X`, an empty text if it says `sep=` and something else, None for any other line."""
    match = _SEP_LINE.match(text)
    if not match:
        return None
    delimiter, rest = match.groups()
    return delimiter if not rest.replace(delimiter, "").strip() else ""


def holds_records(names: Sequence[str], delimiter: str) -> bool:
    """Whether a field has line breaks and delimiters: it is no name, but lies between two stray quotes."""
    return any(delimiter in name and ("\n" in name or "\r" in name) for name in names)


def decode_header(raw: bytes) -> str:
    """The text of a header, which may have another encoding than the rows, without byte order marks."""
    while raw.startswith(codecs.BOM_UTF8):
        raw = raw.removeprefix(codecs.BOM_UTF8)
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def _without_end(meanings: list[str | None]) -> list[str | None]:
    """The meanings up to the last column that has one."""
    known = [index for index, meaning in enumerate(meanings) if meaning]
    return meanings[: known[-1] + 1] if known else []
