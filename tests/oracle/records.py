"""From text to records: section 4 of the contract."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tests.oracle.fields import WHITE

MAX_RECORD_BYTES = 1 << 20
#: A character that no text of a file has, as the line end of a text that is one record.
_NO_END = "\ud800"
DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True)
class Form:
    """How the text of a file is cut; `end` is the line feed or the carriage return that ends its lines."""

    encoding: str
    delimiter: str
    end: str

    def raw(self, text: str) -> bytes:
        """The bytes of a text of the file."""
        return text.encode(self.encoding, "surrogateescape")

    def lines(self, text: str) -> list[str]:
        """The physical lines of a text, without their ends; one carriage return before a line feed is dropped."""
        *ended, last = text.split(self.end)
        return [*(line.removesuffix("\r") for line in ended), last]


class Field(NamedTuple):
    """A field without its quotes; `outside` are the characters of it that are in no quotes."""

    text: str
    quoted: bool
    outside: str


class Record(NamedTuple):
    """A record that begins at physical line `line` (from 1); `text` has no line end.

    One whose quotes are bad has no fields, and its text is its first physical line.
    """

    line: int
    text: str
    fields: Sequence[Field] | None
    has_end: bool


def split_records(text: str, form: Form, first_line: int = 1) -> Iterator[Record]:
    """All records of a text, blank ones too."""
    position, line = 0, first_line
    while position < len(text):
        split = split_record(text, position, form)
        stop = split[1] if split else _find(text, form.end, position)
        content = text[position:stop]
        has_end = stop < len(text)
        if has_end and form.end == "\n":
            content = content.removesuffix("\r")
        yield Record(line, content, split[0] if split else None, has_end)
        line += text.count(form.end, position, stop) + 1
        position = stop + 1


def split_record(text: str, start: int, form: Form) -> tuple[list[Field], int] | None:
    """The fields of the record at `start`, and where it ends.

    None if a quote is not closed within 1 MiB or the rest of the text, or if anything but white space stands between
    a closing quote and the next delimiter or line end.
    """
    stop = _find(text, form.end, start)
    if '"' not in text[start:stop]:
        line = text[start:stop].removesuffix("\r") if text[stop : stop + 1] == "\n" else text[start:stop]
        return [Field(field, False, field) for field in line.split(form.delimiter)], stop
    fields = []
    position = start
    while True:
        field_and_stop = _read_field(text, position, form)
        if field_and_stop is None:
            return None
        field, stop = field_and_stop
        fields.append(field)
        if text[stop : stop + 1] != form.delimiter:
            return fields, stop
        position = stop + 1


def split_names(text: str, delimiter: str) -> list[str]:
    """The fields of a text that is one record, whatever its line ends; a field with bad quotes is taken as it is."""
    form, fields, position = Form("utf-8", delimiter, _NO_END), [], 0
    while position <= len(text):
        stop = _find(text, delimiter, position)
        field, stop = _read_field(text, position, form) or (Field(text[position:stop], False, ""), stop)
        fields.append(field.text)
        position = stop + 1
    return fields


def _read_field(text: str, start: int, form: Form) -> tuple[Field, int] | None:
    """The field at `start`, and the place of the delimiter or line end after it; None if its quotes are bad."""
    opening = _skip(text, start, form, also="\ufeff")
    quoted = text[opening : opening + 1] == '"'
    if not quoted:
        stop = min(_find(text, form.delimiter, start), _find(text, form.end, start))
        outside = text[start:stop]
    else:
        closing = closing_quote(text, opening, form)
        if closing is None:
            return None
        stop = _skip(text, closing + 1, form)
        if text[stop : stop + 1] not in ("", form.delimiter, form.end):
            return None
        outside = text[closing + 1 : stop]
    if text[stop : stop + 1] == "\n":
        outside = outside.removesuffix("\r")
    outside = text[start:opening] + outside if quoted else outside
    content = text[opening + 1 : closing].replace('""', '"') if quoted else outside
    return Field(content, quoted, outside), stop


def closing_quote(text: str, opening: int, form: Form) -> int | None:
    """Where the quote at `opening` is closed, a doubled quote aside; None if it is not within 1 MiB."""
    position = text.find('"', opening + 1)
    while text[position : position + 2] == '""':
        position = text.find('"', position + 2)
    if position == -1 or len(form.raw(text[opening:position])) > MAX_RECORD_BYTES:
        return None
    return position


def _skip(text: str, position: int, form: Form, also: str = "") -> int:
    """The first position that has no white space other than the delimiter and the line end."""
    while position < len(text) and (text[position].isspace() or text[position] in also):
        if text[position] in (form.delimiter, form.end):
            break
        position += 1
    return position


def _find(text: str, char: str, position: int) -> int:
    """Where a character stands next, or the end of the text."""
    found = text.find(char, position)
    return len(text) if found == -1 else found


def is_blank(text: str, delimiter: str) -> bool:
    """Whether a text is nothing but delimiters, quotes and white space."""
    return text.strip(WHITE + delimiter + '"') == ""


def is_suspect(record: Record, used: Sequence[int], delimiters: int, form: Form) -> bool:
    """Whether a quoted line break of the record looks like that of two stray quotes.

    It is in a used column; or one line of the field has as many delimiters as a record (`delimiters`); or the field's
    last line has as many, at least one, as stand before the field.
    """
    for position, field in enumerate(record.fields or () if form.end in record.text else ()):
        if not has_quoted_break(field, form):
            continue
        counts = [line.count(form.delimiter) for line in field.text.split(form.end)]
        if position in used or delimiters in counts or counts[-1] == position > 0:
            return True
    return False


def has_quoted_break(field: Field, form: Form) -> bool:
    """Whether a field has a line break in quotes."""
    return field.quoted and form.end in field.text


def has_stray_end(record: Record, form: Form) -> bool:
    """Whether a record of a file with line feeds has a carriage return of its own outside quotes."""
    return form.end == "\n" and any("\r" in field.outside for field in record.fields or ())
