"""The header of a source: the first line that names all needed columns, and the delimiter by which it does."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import get_args

from autoconnect.core.days import is_day
from autoconnect.core.dialect import Delimiter, DialectOptions
from autoconnect.core.meanings import Meanings
from autoconnect.core.notes import Note, counted, shown
from autoconnect.core.schema import trimmed
from autoconnect.core.sniffer.no_header import MAX_LINES, candidates, check_line, no_header
from autoconnect.core.sniffer.start import Line, Start
from autoconnect.errors import SourceError

_DELIMITERS: Sequence[Delimiter] = get_args(Delimiter)


@dataclass(frozen=True)
class Header:
    """The header of a source, and the notes on the lines before it."""

    line: Line
    notes: Sequence[Note]


def find_header(start: Start, meanings: Meanings, options: DialectOptions) -> Header:
    """The header, found or given.

    Raises SourceError, which shows what was read, if there is none, or if rows or line breaks were lost around it.
    """
    delimiter = options.delimiter or (start.sep and start.sep.delimiter)
    delimiters = [delimiter] if delimiter else _DELIMITERS
    line = _first_header(start, meanings, delimiters, options.header)
    if line is None:
        raise no_header(start, meanings, delimiters, options.header)
    check_line(line, is_given=options.header is not None)
    skipped = [other for other in start.lines(line.delimiter, line.number) if other.number < line.number]
    if options.header is None:
        _check_skipped(skipped, line)
    return Header(line, list(_skipped_note(skipped)))


def _first_header(start: Start, meanings: Meanings, delimiters: Sequence[Delimiter], given: int | None) -> Line | None:
    """The first line that names all needed columns; of delimiters that find the same line, the first."""
    first, last = None, given or MAX_LINES
    for delimiter in delimiters:
        for line in candidates(start, delimiter, last, given) if last else ():
            if _is_header(line, meanings):
                first, last = line, line.number - 1
                break
    return first


def _is_header(line: Line, meanings: Meanings) -> bool:
    is_long_enough = len(line.fields) >= len(meanings.needed)
    return not line.has_bad_quotes and is_long_enough and not meanings.missing(line.fields)


def _check_skipped(skipped: Sequence[Line], header: Line) -> None:
    width = len(header.fields)
    for line in skipped:
        fields = [] if line.has_bad_quotes else [trimmed(field) for field in line.fields]
        if len(fields) >= width and not any(fields[width:]) and any(map(is_day, fields)):
            given = f"header={header.number}"
            raise SourceError(
                f"There are rows before the header, which is line {header.number}; move it to the top, or give {given} "
                f"to skip them (--dialect {given}); {line}.",
                part="header",
            )


def _skipped_note(skipped: Sequence[Line]) -> Iterator[Note]:
    if skipped:
        count = sum(1 + line.breaks for line in skipped)
        message = f"{counted(count, 'line')} before the header skipped: {shown(skipped[0].text)}."
        yield Note("lines_before_header", message, count, skipped[0].number)
