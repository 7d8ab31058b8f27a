"""The rows of a sample from which surplus, amounts, currency and dates are judged."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from autoconnect.core.days import is_day
from autoconnect.core.headers import Headers
from autoconnect.core.notes import counted
from autoconnect.core.records import Form, Record, is_suspect, split_fields, split_records
from autoconnect.core.schema import is_missing, trimmed
from autoconnect.core.sniffer.sightings import Judged, Sighting
from autoconnect.core.width import Width


class Row(NamedTuple):
    """The fields of a record that is a row, and its physical line in the source, from 1; None if it is not known."""

    line: int | None
    fields: Sequence[str]
    record: Record

    def field(self, index: int) -> str:
        """A field, trimmed; an empty text if the row lacks it."""
        return trimmed(self.fields[index]) if index < len(self.fields) else ""


@dataclass(frozen=True)
class RowReader:
    """Reads those records of a sample that are rows with closed quotes.

    `positions` has the index of each column that is used.
    """

    form: Form
    headers: Headers
    positions: Mapping[str, int]

    def rows(self, data: bytes, line: int | None, *, is_whole: bool = False) -> Iterator[Row]:
        """The rows of a piece of a source, which begins with physical line `line`; its last record may be cut."""
        for record in split_records(data, b"", self.form):
            if not record.fault and (record.ended or is_whole):
                text = record.raw.decode(self.form.encoding, "replace")
                fields = split_fields(text, self.form.delimiter.decode())
                row = Row(None if line is None else line + record.line, fields, record)
                if self._has_date(row) or not self._is_header(record):
                    yield row

    def fits(self, row: Row, width: Width) -> bool:
        """Whether a row has the right number of fields, and no line breaks as stray quotes cause them."""
        is_right = width.fits(row.fields, is_ended=row.record.ended)
        return is_right and not self.is_suspect(row, width.fields + width.surplus)

    def is_suspect(self, row: Row, fields: int) -> bool:
        """Whether a row has line breaks as stray quotes cause them, if rows have this number of fields."""
        return row.record.breaks > 0 and is_suspect(row.record, self.form, fields, self.positions.values())

    def _has_date(self, row: Row) -> bool:
        return "date" in self.positions and is_day(row.field(self.positions["date"]))

    def _is_header(self, record: Record) -> bool:
        return self.headers.names_delimiter(record) or self.headers.kind_of(record) is not None


@dataclass(frozen=True)
class Rows:
    """Sampled rows with the right number of fields, and the columns that are used."""

    rows: Sequence[Row]
    positions: Mapping[str, int]
    constants: Mapping[str, str]

    def values(self, *meanings: str) -> Iterator[Sighting]:
        """The fields of columns, trimmed, without the missing ones; a constant counts once."""
        for meaning in meanings:
            if meaning in self.constants and not is_missing(constant := trimmed(self.constants[meaning])):
                yield Sighting(constant, None)
        indexes = [self.positions[meaning] for meaning in meanings if meaning in self.positions]
        for row in self.rows:
            for index in indexes:
                if not is_missing(value := row.field(index)):
                    yield Sighting(value, row.line)


def judge_surplus(rows: Sequence[Row], fields: int, reader: RowReader) -> Judged[int]:
    """The number of empty fields that most rows have beyond those of the header."""
    safe_rows = [row for row in rows if not reader.is_suspect(row, len(row.fields))]
    ends = (row.fields[fields:] for row in safe_rows if len(row.fields) >= fields)
    counts = Counter(len(end) for end in ends if not any(map(trimmed, end)))
    surplus, count = counts.most_common(1)[0] if counts else (0, 0)
    if not surplus or 2 * count <= len(safe_rows):
        return Judged(0, "most sampled rows have no empty field beyond the header")
    most = f"{count:,} of {counted(len(safe_rows), 'row')}"
    return Judged(surplus, f"{most} end with {counted(surplus, 'empty field')} beyond the header")
