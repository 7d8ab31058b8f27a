"""The line that names the columns, and the delimiter by which it is found."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tests.oracle import columns
from tests.oracle.encoding import without_boms
from tests.oracle.failures import CannotPlan
from tests.oracle.fields import WHITE, is_any_date, trim
from tests.oracle.records import DELIMITERS, Form, Record, is_blank, split_names, split_records

#: The header is among this number of first lines.
HEADER_LINES = 50


class Header(NamedTuple):
    """The header: its physical lines (from 1), its names, and the earlier lines that are neither blank nor `sep=`."""

    line: int
    last_line: int
    delimiter: str
    names: Sequence[str]
    lines_before: Sequence[int]
    sep_line: bool


class Line(NamedTuple):
    """A record near the start of a file, from its first to its last line; it has no names if its quotes are bad."""

    first: int
    last: int
    text: str
    names: Sequence[str] | None


def decode_line(raw: bytes) -> str:
    """The text of a header line without byte order mark: UTF-8, or else Windows-1252."""
    raw = without_boms(raw)
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def names_of(record: Record, form: Form) -> list[str] | None:
    """The trimmed fields of a record, read as a header is read; None if its quotes are bad.

    So are those of a record with a field that has line breaks and delimiters: it lies between two stray quotes.
    """
    texts = split_names(decode_line(form.raw(record.text)), form.delimiter)
    if record.fields is None or any(form.delimiter in text and ("\n" in text or "\r" in text) for text in texts):
        return None
    return [trim(text) for text in texts]


def find_header(head: bytes, encoding: str, end: str, given: Mapping[str, Any]) -> Header:
    """The first record of the first 50 lines that holds all needed columns; one that is given is not judged."""
    count = given.get("header", HEADER_LINES)
    text = "".join(line + end for line in head.decode(encoding, "surrogateescape").split(end)[:count])
    sep = sep_delimiter(text.split(end)[0])
    if sep is not None and "delimiter" not in given and sep not in DELIMITERS:
        raise CannotPlan(f"The first line {text.split(end)[0]!r} asks for an unsupported delimiter: use , ; tab or |.")
    if sep is not None:
        text = end + text.split(end, 1)[1]
    delimiters = [given["delimiter"]] if "delimiter" in given else [sep] if sep is not None else DELIMITERS
    asked = given.get("columns", {})
    lines = {delimiter: lines_of(text, Form(encoding, delimiter, end)) for delimiter in delimiters}
    found = [
        (line.first, delimiters.index(delimiter), line, delimiter)
        for delimiter in delimiters
        for line in lines[delimiter]
        if given.get("header", line.first) == line.first
        if line.names is not None and not columns.lacking(line.names, asked)
    ]
    if not found:
        raise CannotPlan(_no_header([line for delimiter in delimiters for line in lines[delimiter]], asked))
    _, _, line, delimiter = min(found)
    assert line.names is not None
    earlier = [other for other in lines[delimiter] if other.first < line.first]
    if "header" not in given:
        _refuse_rows_before(earlier, len(line.names))
        _refuse_lost_line_breaks(line.names)
    before = [number for other in earlier for number in range(other.first, other.last + 1)]
    return Header(line.first, line.last, delimiter, line.names, before, sep is not None)


def lines_of(text: str, form: Form) -> list[Line]:
    """The records of the first lines that are not blank; one that looks like two stray quotes is many bad lines."""
    lines = []
    for record in split_records(text, form):
        names = names_of(record, form)
        if names is None:
            parts = enumerate(form.lines(record.text), record.line)
            lines += [Line(number, number, part, None) for number, part in parts if not is_blank(part, form.delimiter)]
        elif not is_blank(record.text, form.delimiter):
            lines.append(Line(record.line, record.line + record.text.count(form.end), record.text, names))
    return lines


def sep_delimiter(line: str) -> str | None:
    """X of a line `sep=X`: in any case, quoted or not, followed by any number of X; empty if it is no character."""
    line = line.lstrip(WHITE + "\ufeff")
    if not re.match('"?sep=', line, re.IGNORECASE):
        return None
    match = re.fullmatch(r'"?sep=(.)"?(?:\1|\s)*', line, re.IGNORECASE | re.DOTALL)
    return match[1] if match else ""


def _refuse_rows_before(lines: Sequence[Line], count: int) -> None:
    """An earlier line with the header's field count, surplus empty fields aside, and a readable date is a row."""
    for line in lines:
        names = line.names or ()
        if len(names) >= count and not any(names[count:]) and any(map(is_any_date, names)):
            raise CannotPlan(f"There are rows before the header, such as {line.text[:80]!r}: move it to the top.")


def _refuse_lost_line_breaks(names: Sequence[str]) -> None:
    """A header has no field that reads as a date or ends in one."""
    for name in names:
        if any(is_any_date(name[start:]) for start in range(len(name))):
            raise CannotPlan(f"The header has the date {name!r}: its line breaks were lost, send the file unchanged.")


def _no_header(lines: Sequence[Line], asked: columns.Given) -> str:
    """Say that each line is one quoted field, or which columns the best line lacks."""
    best: tuple[list[str], int] = (list(columns.NEEDED), 1)
    for line in lines:
        names = line.names or [""]
        best = min(best, (columns.lacking(names, asked), line.first), key=lambda found: (len(found[0]), found[1]))
        if len(names) == 1 and '"' in line.text and any(_is_header(names[0], d, asked) for d in DELIMITERS):
            return "Each line is one quoted field: save the file without quotes around whole lines."
    lacking = ", ".join(f"{meaning} ({', '.join(columns.HEADERS[meaning])})" for meaning in best[0])
    return f"No header: line {best[1]} lacks the columns {lacking}; name them so, or choose them with --column."


def _is_header(text: str, delimiter: str, asked: columns.Given) -> bool:
    return not columns.lacking([trim(name) for name in split_names(text, delimiter)], asked)
