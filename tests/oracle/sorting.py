"""Which records are rows, and which are `sep=` lines, headers in the middle of a file, or blank."""

from enum import Enum

from tests.oracle.columns import Columns, meanings_of
from tests.oracle.fields import is_any_date
from tests.oracle.header import Header, decode_line, names_of, sep_delimiter
from tests.oracle.records import Form, Record, is_blank


class Kind(Enum):
    """What a record is."""

    SEP = "a `sep=` line that recurs"
    SAME_HEADER = "the header again"
    OTHER_HEADER = "a header with other meanings, or with the same in other places"
    BLANK = "nothing but delimiters, quotes and white space"
    ROW = "a row, good or bad"


def kind_of(record: Record, form: Form, header: Header, columns: Columns) -> Kind:
    """What a record is. One with bad quotes is judged by its first physical line, and is no header."""
    if is_blank(record.text, form.delimiter):
        return Kind.BLANK
    names = names_of(record, form)
    if names is None:
        return Kind.ROW
    if header.sep_line and sep_delimiter(decode_line(form.raw(record.text))) == form.delimiter:
        return Kind.SEP
    meanings = {} if any(map(is_any_date, names)) else meanings_of(names, columns.given)
    if len(set(meanings.values())) >= 3:
        return Kind.SAME_HEADER if meanings == columns.meanings else Kind.OTHER_HEADER
    return Kind.ROW
