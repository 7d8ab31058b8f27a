"""Why a source has no header, or not a proper one, as a sentence."""

from collections.abc import Iterator, Sequence

from autoconnect.core.days import ends_in_day
from autoconnect.core.dialect import Delimiter
from autoconnect.core.meanings import Meanings
from autoconnect.core.notes import shown
from autoconnect.core.records import split_fields
from autoconnect.core.schema import trimmed
from autoconnect.core.sniffer.start import MAX_HEADER_BYTES, Line, Start
from autoconnect.errors import SourceError

#: Physical lines among which the header is looked for.
MAX_LINES = 50

#: Columns that a line must name to be the header that was meant.
_LIKELY_COLUMNS = 3


def candidates(start: Start, delimiter: Delimiter, last: int, given: int | None) -> Iterator[Line]:
    """The lines that may be the header: those up to `last`, or the given one."""
    return (line for line in start.lines(delimiter, last) if given in (None, line.number))


def check_line(line: Line, *, is_given: bool) -> None:
    """Raise SourceError if rows follow in the line of the header, or if it is far too long."""
    dates = [] if is_given else [name for name in line.fields if ends_in_day(trimmed(name))]
    if dates:
        raise SourceError(
            f"The line breaks were lost: the header, line {line.number}, has a field that ends in a date, "
            f"{shown(dates[0])}; write each row in its own line (curl keeps line breaks with --data-binary), or, if "
            f"this is the name of a column, give header={line.number} (--dialect header={line.number}).",
            part="header",
        )
    if line.is_too_long:
        raise SourceError(f"The header line is longer than {MAX_HEADER_BYTES:,} bytes; lines must end with a line end.")


def no_header(start: Start, meanings: Meanings, delimiters: Sequence[Delimiter], given: int | None) -> SourceError:
    """The error of a source in which no line names all needed columns."""
    last = given or MAX_LINES
    lines = [line for delimiter in delimiters for line in candidates(start, delimiter, last, given)]
    if not lines:
        return SourceError(_nothing(start, given))
    for line in lines:
        if _is_quoted(line, meanings, delimiters):
            return SourceError(
                f"Each line is quoted as one field; remove the quotes around the lines, or export fields; {line}."
            )
    line = max(lines, key=lambda line: (len(_meanings(line, meanings)), len(line.fields), -line.number))
    if line.is_too_long or len(_meanings(line, meanings)) >= _LIKELY_COLUMNS:
        check_line(line, is_given=given is not None)
    missing = meanings.missing(line.fields)
    if not missing:
        return SourceError(f"The header has a quote that is not closed, or text after a closing one: {line}.")
    first, *others = missing
    options = f"--column {first}=NAME or {first}==TEXT" + (f"; likewise {', '.join(others)}" if others else "")
    advice = "name them, or give their columns or texts" if others else "name it, or give its column or its text"
    advice += f" ({options})"
    if any(ends_in_day(trimmed(field)) for field in line.fields):
        advice += "; a file without a header needs one, and this line is like a row"
    return SourceError(
        f"The header lacks {', '.join(map(meanings.described, missing))}; {advice}; read as {start.encoding}, {line}.",
        part="columns",
        columns=list(zip(line.fields, meanings.of(line.fields), strict=True)),
    )


def _nothing(start: Start, given: int | None) -> str:
    if given:
        return f"The header is given as line {given:,}, but this line is blank, or not in the first 1 MiB."
    if start.head.strip(b"\x1a \t\r\n"):
        return f"The first {MAX_LINES} lines are blank; a header line was expected."
    return "The file is empty; a header line was expected."


def _is_quoted(line: Line, meanings: Meanings, delimiters: Sequence[Delimiter]) -> bool:
    """Whether a line is a header in quotes."""
    if len(line.fields) > 1 or not trimmed(line.text).startswith('"'):
        return False
    return any(not meanings.missing(split_fields(line.fields[0], delimiter)) for delimiter in delimiters)


def _meanings(line: Line, meanings: Meanings) -> set[str]:
    return {meaning for meaning in meanings.of(line.fields) if meaning}
