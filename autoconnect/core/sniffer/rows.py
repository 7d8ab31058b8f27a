"""The rows of a sample from which surplus, amounts, currency and dates are judged."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from autoconnect.core.days import is_day
from autoconnect.core.headers import Headers
from autoconnect.core.notes import counted
from autoconnect.core.records import Form, Record, is_suspect, split_fields, split_records
from autoconnect.core.schema import is_missing, trimmed
from autoconnect.core.sniffer.sightings import Judged, Sighting
from autoconnect.core.width import Width

#: Records that are read at a time.
_RECORDS = 1_000


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
        records = (r for r in split_records(data, b"", self.form) if not r.fault and (r.ended or is_whole))
        while several := list(islice(records, _RECORDS)):
            yield from self._rows_of(several, line)

    def _rows_of(self, records: Sequence[Record], line: int | None) -> Iterator[Row]:
        """The records that are no headers; those with a date are none, and each date is looked at once."""
        delimiter, encoding, date = self.form.delimiter.decode(), self.form.encoding, self.positions.get("date")
        fields = [split_fields(record.raw.decode(encoding, "replace"), delimiter) for record in records]
        dates = [row[date] if date is not None and date < len(row) else "" for row in fields]
        is_dated = {text: is_day(trimmed(text)) for text in set(dates)}
        for record, row, text in zip(records, fields, dates, strict=True):
            if is_dated[text] or not self._is_header(record):
                yield Row(None if line is None else line + record.line, row, record)

    def fits(self, row: Row, width: Width) -> bool:
        """Whether a row has the right number of fields, and no line breaks as stray quotes cause them."""
        if not width.fits(row.fields, is_ended=row.record.ended):
            return False
        return not row.record.breaks or not self.is_suspect(row, width.fields + width.surplus)

    def is_suspect(self, row: Row, fields: int) -> bool:
        """Whether a row has line breaks as stray quotes cause them, if rows have this number of fields."""
        return row.record.breaks > 0 and is_suspect(row.record, self.form, fields, self.positions.values())

    def _is_header(self, record: Record) -> bool:
        return self.headers.names_delimiter(record) or self.headers.kind_of(record) is not None


@dataclass(frozen=True)
class Rows:
    """Sampled rows with the right number of fields, and the columns that are used."""

    rows: Sequence[Row]
    positions: Mapping[str, int]
    constants: Mapping[str, str]

    def values(self, *meanings: str, alike: Callable[[str], Hashable] = str) -> Iterator[tuple[Sighting, int]]:
        """The fields of columns, trimmed, without missing ones: the first of those that are alike, and their number.

        By default only equal fields are alike. A constant counts once.
        """
        fields = self._fields(meanings)
        keys = [alike(field) for field, _ in fields]
        first = dict(zip(reversed(keys), reversed(fields), strict=True))
        for key, count in Counter(keys).items():
            field, line = first[key]
            if not is_missing(value := trimmed(field)):
                yield Sighting(value, line), count

    def _fields(self, meanings: Sequence[str]) -> list[tuple[str, int | None]]:
        constants = [self.constants[meaning] for meaning in meanings if meaning in self.constants]
        indexes = [self.positions[meaning] for meaning in meanings if meaning in self.positions]
        fields = ((row.fields[index], row.line) for row in self.rows for index in indexes if index < len(row.fields))
        return [*((constant, None) for constant in constants), *fields]


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
