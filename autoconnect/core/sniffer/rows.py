"""The rows of a sample from which surplus, amounts, currency and dates are judged."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, repeat
from typing import NamedTuple

from autoconnect.core.days import is_day
from autoconnect.core.headers import Headers
from autoconnect.core.notes import counted
from autoconnect.core.records import MAX_RECORD_BYTES, Form, Record, is_suspect, split_fields, split_records
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
    #: Fields that are known to be dates.
    _dates: set[str] = field(default_factory=set)

    def rows(self, data: bytes, line: int | None, *, is_whole: bool = False) -> Iterator[Row]:
        """The rows of a piece of a source, which begins with physical line `line`; its last record may be cut."""
        yield from self._dated_lines(data, line) or self._any_rows(data, line, is_whole=is_whole)

    def _dated_lines(self, data: bytes, line: int | None) -> list[Row]:
        """The rows of a piece in which each line has a date and no quotes, as usual; none if one has not.

        It finds what `_any_rows` finds, which takes three times as long.
        """
        date, is_usual = self.positions.get("date"), self.form.line_end == b"\n" and data.endswith(b"\n")
        if date is None or not is_usual or b'"' in data or b"\r" in data:
            return []
        delimiter, raws = self.form.delimiter.decode(), data.split(b"\n")
        fields = [text.split(delimiter) for text in data.decode(self.form.encoding, "replace").split("\n")]
        del fields[-1], raws[-1]
        new_dates = {row[date] if date < len(row) else "" for row in fields} - self._dates
        if not all(is_day(trimmed(text)) for text in new_dates) or max(map(len, raws)) > MAX_RECORD_BYTES:
            return []
        self._dates.update(new_dates)
        lines = repeat(None) if line is None else count(line)
        return list(map(Row, lines, fields, map(Record, count(), raws)))

    def _any_rows(self, data: bytes, line: int | None, *, is_whole: bool) -> Iterator[Row]:
        delimiter, encoding = self.form.delimiter.decode(), self.form.encoding
        for record in split_records(data, b"", self.form):
            if not record.fault and (record.ended or is_whole):
                fields = split_fields(record.raw.decode(encoding, "replace"), delimiter)
                row = Row(None if line is None else line + record.line, fields, record)
                if self._has_date(row) or not self._is_header(record):
                    yield row

    def fits(self, row: Row, width: Width) -> bool:
        """Whether a row has the right number of fields, and no line breaks as stray quotes cause them."""
        if not width.fits(row.fields, is_ended=row.record.ended):
            return False
        return not row.record.breaks or not self.is_suspect(row, width.fields + width.surplus)

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

    def values(self, *meanings: str, alike: Callable[[str], Hashable] = str) -> Iterator[tuple[Sighting, int]]:
        """The fields of columns, trimmed, without missing ones: the first of those that are alike, and their number.

        By default only equal fields are alike. A constant counts once.
        """
        constants = [self.constants[meaning] for meaning in meanings if meaning in self.constants]
        indexes = [self.positions[meaning] for meaning in meanings if meaning in self.positions]
        fields = [row.fields[index] for row in self.rows for index in indexes if index < len(row.fields)]
        lines = [row.line for row in self.rows for index in indexes if index < len(row.fields)]
        fields, lines = [*constants, *fields], [*(None for _ in constants), *lines]
        keys = list(map(alike, fields))
        first = dict(zip(reversed(keys), range(len(keys) - 1, -1, -1), strict=True))
        for key, number in Counter(keys).items():
            if not is_missing(value := trimmed(fields[first[key]])):
                yield Sighting(value, lines[first[key]]), number


def judge_surplus(rows: Sequence[Row], fields: int, reader: RowReader) -> Judged[int]:
    """The number of empty fields that most rows have beyond those of the header."""
    safe_rows = [row for row in rows if not reader.is_suspect(row, len(row.fields))]
    ends = (row.fields[fields:] for row in safe_rows if len(row.fields) >= fields)
    counts = Counter(len(end) for end in ends if not any(map(trimmed, end)))
    surplus, most = counts.most_common(1)[0] if counts else (0, 0)
    if not surplus or 2 * most <= len(safe_rows):
        return Judged(0, "most sampled rows have no empty field beyond the header")
    share = f"{most:,} of {counted(len(safe_rows), 'row')}"
    return Judged(surplus, f"{share} end with {counted(surplus, 'empty field')} beyond the header")
