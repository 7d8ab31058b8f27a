"""Notes on what was found in the rows of a job."""

import re
from collections.abc import Iterator

from autoconnect.core.lines import FileLines
from autoconnect.core.notes import Note, counted, shown
from autoconnect.core.partial import Partial
from autoconnect.core.tally import LINE_BREAKS_IN_QUOTES, OTHER_DATE_ORDER, REPEATED_HEADERS, STRAY_LINE_ENDS, Sighting

#: Names that a note shows.
_MAX_EXAMPLES = 100
#: What a note says of unusual records, after their number.
_SIGHTINGS = {
    REPEATED_HEADERS: ("header", "repeated between the rows and skipped"),
    LINE_BREAKS_IN_QUOTES: ("record", "with a line break in quotes"),
    STRAY_LINE_ENDS: ("record", "with a carriage return outside quotes, which ends no line"),
    OTHER_DATE_ORDER: ("row", "rejected for a date that is possible only if day and month change places"),
}
#: What the two bytes of a sequence in UTF-8 are in cp1252.
_FIRST, _SECOND = (bytes(codes).decode("cp1252", "ignore") for codes in (range(0xC2, 0xE0), range(0x80, 0xC0)))
_Z_CARON = "\u017d"
_SUSPICIOUS = re.compile(
    rf"\ufffd|[{_FIRST}][{re.escape(_SECOND)}]"
    "|[\u201a\u0192\u201e\u2020\u2021\u02c6\u2030\u2039\u203a\u02dc\xa2\xa3\xa4\xa5\xa6\xa7\xac\xb1\xb5\xb6\xbf]"
)


def notes_of(total: Partial, lines: FileLines, failure: str | None = None) -> list[Note]:
    """The notes of a job whose partials have this sum; if it fails, it needs none to tell that its result is empty."""
    sightings = [_sighting(kind, total.sightings[kind], lines) for kind in _SIGHTINGS if kind in total.sightings]
    return [*sightings, *_suspicious_text(total), *(() if failure else _no_rows(total))]


def _sighting(kind: str, seen: Sighting, lines: FileLines) -> Note:
    noun, finding = _SIGHTINGS[kind]
    place = lines.shown(seen.batch, seen.line)
    message = f"{counted(seen.records, noun)} {finding}; the first is at {place}: {seen.value}"
    return Note(kind, message, seen.records, lines.place(seen.batch, seen.line).line)


def _suspicious_text(total: Partial) -> Iterator[Note]:
    cube = total.cube
    counts = [
        *zip(cube.cities, cube.transactions_by(cube.city, len(cube.cities)), strict=True),
        *zip(cube.models, cube.transactions_by(cube.model, len(cube.models)), strict=True),
    ]
    found = sorted((-count, name) for name, count in counts if _is_suspicious(name))
    if found:
        examples = ", ".join(f"{shown(name)} ({-count:,})" for count, name in found[:_MAX_EXAMPLES])
        message = f"Names that look as if their encoding was misread: {examples}; write the source in UTF-8."
        yield Note("suspicious_text", message, len(found))


def _is_suspicious(name: str) -> bool:
    if name.isascii():
        return False
    return bool(_SUSPICIOUS.search(name)) or any(
        before.islower() and letter == _Z_CARON and after.islower()
        for before, letter, after in zip(name, name[1:], name[2:], strict=False)
    )


def _no_rows(total: Partial) -> Iterator[Note]:
    if not total.rows_accepted:
        read = (
            f"none of {counted(total.rows_read, 'row')} was accepted" if total.rows_read else "the source has no rows"
        )
        yield Note("no_rows", f"The result is empty: {read}.", 0)
