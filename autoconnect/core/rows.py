"""Rows: what each record of a source is, judged by the layout and its own bytes alone."""

import codecs
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from autoconnect.core.days import is_in_other_order
from autoconnect.core.dialect import NEEDED, OPTIONAL, Encoding
from autoconnect.core.fields import Reader, Value, read_duration_of_sale, readers
from autoconnect.core.headers import Headers
from autoconnect.core.layout import Layout
from autoconnect.core.notes import counted, shown
from autoconnect.core.records import Record, has_stray_line_end, is_suspect, physical_lines, split_fields
from autoconnect.core.schema import RENTAL, Refused, trimmed
from autoconnect.core.tally import LINE_BREAKS_IN_QUOTES, OTHER_DATE_ORDER, STRAY_LINE_ENDS
from autoconnect.core.width import width_of

#: Bytes that are decoded at a time, of a record that may be very long.
_PIECE_BYTES = 1 << 20


class Values(NamedTuple):
    """The values of an accepted row, as the readers of `fields` return them."""

    date: int
    city: str
    type: int
    model: str
    price: int
    duration: int
    cost: int


@dataclass(frozen=True)
class Row:
    """What a record is read as: an accepted row has values, a rejected one tells why it is refused, a header neither.

    `sightings` are the unusual kinds that the record is of.
    """

    record: Record
    values: Values | None = None
    refused: Refused | None = None
    sightings: Sequence[str] = ()


def read_rows(records: Iterable[Record], layout: Layout) -> Iterator[Row]:
    """The rows of records in their order, headers among them; most records are one row."""
    reader = _RowReader(layout)
    for record in records:
        yield from reader.rows(record)


class _RowReader:
    """Reads records of one layout, and each distinct value of a column once."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._dialect = layout.dialect
        self._form = layout.form
        self._headers = Headers.of(layout)
        self._used = frozenset(layout.positions.values())
        self._width = width_of(layout.fields, layout.dialect.surplus, layout.positions)
        #: Fields that follow those of each record: the constants, and an empty one for columns that the source lacks.
        self._further = [*layout.constants.values(), ""]
        constants = {meaning: layout.fields + index for index, meaning in enumerate(layout.constants)}
        lacking = dict.fromkeys(OPTIONAL, layout.fields + len(constants))
        self._positions = {**lacking, **layout.positions, **constants}
        by_column = readers(layout)
        self._readers = [
            (self._positions[column], _read_once(column, by_column[column])) for column in (*NEEDED, "currency")
        ]
        self._read_duration_of_sale = _read_once("duration", read_duration_of_sale)
        self._read_duration = _read_once("duration", by_column["duration"])
        self._read_cost = _read_once("cost", by_column["cost"])

    def rows(self, record: Record) -> Iterator[Row]:
        """The rows of a record: none if it names the delimiter, one for each line if its line breaks are suspect."""
        row = self._row(record, list(self._sightings(record)))
        if record.fault:
            yield row
        elif self._headers.names_delimiter(record):
            return
        elif not self._has_date(row) and (header := self._headers.kind_of(record)):
            yield Row(record, sightings=[header])
        elif record.breaks and is_suspect(record, self._form, self._layout.fields + self._dialect.surplus, self._used):
            yield from (self._row(line) for line in physical_lines(record, self._form))
        else:
            yield row

    def _row(self, record: Record, sightings: Sequence[str] = ()) -> Row:
        fields: Sequence[str] = ()
        try:
            fields = self._fields(record)
            return Row(record, self._values(fields), None, sightings)
        except Refused as refused:
            if refused.column == "date" and self._is_in_other_order(fields):
                sightings = [*sightings, OTHER_DATE_ORDER]
            return Row(record, None, refused, sightings)

    def _is_in_other_order(self, fields: Sequence[str]) -> bool:
        return is_in_other_order(trimmed(fields[self._positions["date"]]), self._dialect.dates)

    def _has_date(self, row: Row) -> bool:
        """Whether it is certain that a record has a date in a field."""
        return row.values is not None and "date" in self._layout.positions

    def _sightings(self, record: Record) -> Iterator[str]:
        if record.breaks:
            yield LINE_BREAKS_IN_QUOTES
        if not record.fault and has_stray_line_end(record, self._form):
            yield STRAY_LINE_ENDS

    def _fields(self, record: Record) -> Sequence[str]:
        """The fields of a record, as many as the header has, and the further ones."""
        _check_encoding(record.raw, self._dialect.encoding)
        if record.fault:
            raise Refused(record.fault)
        fields = split_fields(record.raw.decode(self._dialect.encoding), self._layout.delimiter)
        if not self._width.fits(fields, is_ended=record.ended):
            raise Refused("field_count", value=counted(len(fields), "field"))
        missing = [""] * (self._layout.fields - len(fields))
        return [*fields[: self._layout.fields], *missing, *self._further]

    def _values(self, fields: Sequence[str]) -> Values:
        _, day, city, kind, model, price, _ = (read(fields[position]) for position, read in self._readers)
        read_duration = self._read_duration if kind == RENTAL else self._read_duration_of_sale
        duration = read_duration(fields[self._positions["duration"]])
        return Values(day, city, kind, model, price, duration, self._read_cost(fields[self._positions["cost"]]))


def _read_once(column: str, read: Reader) -> Callable[[str], Any]:
    """A reader of the fields of a column as they are written, which remembers what it has read."""

    @cache
    def read_field(field: str) -> Value:
        try:
            return read(trimmed(field))
        except Refused as refused:
            raise Refused(refused.reason, column, shown(trimmed(field))) from None

    return read_field


def _check_encoding(raw: bytes, encoding: Encoding) -> None:
    """Refuse a record with a NUL, with bytes that are no text, or with text that is UTF-8 in a source that is not."""
    if b"\0" in raw:
        raise Refused("bad_encoding", value=shown("\0"))
    if raw.isascii():
        return
    if (bad := _first_bad_byte(raw, encoding)) is not None:
        raise Refused("bad_encoding", value=f"byte {bad:02X}")
    if encoding != "utf-8" and _first_bad_byte(raw, "utf-8") is None:
        raise Refused("bad_encoding", value="UTF-8")


def _first_bad_byte(raw: bytes, encoding: str) -> int | None:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for start in range(0, len(raw), _PIECE_BYTES):
            decoder.decode(raw[start : start + _PIECE_BYTES])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        return int(error.object[error.start])
    return None
