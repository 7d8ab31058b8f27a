"""What a partial tells of rows besides their cells: rejected rows, and records of unusual kinds."""

from collections.abc import Iterable
from typing import NamedTuple

#: Characters of a raw line that are kept.
MAX_RAW = 500

#: Kinds of unusual records: the codes of the notes that tell of them. OTHER_HEADER has none: it fails the job.
REPEATED_HEADERS = "repeated_headers"
LINE_BREAKS_IN_QUOTES = "line_breaks_in_quotes"
STRAY_LINE_ENDS = "stray_line_ends"
OTHER_DATE_ORDER = "other_date_order"
OTHER_HEADER = "other_header"


class Reject(NamedTuple):
    """A rejected row: its batch, its physical line there (from 0), the reason, and its text, cut at MAX_RAW.

    `column` is the meaning of the column at fault, None if the reason concerns the whole record. `value` shows what is
    at fault, if it can be shown.
    """

    batch: int
    line: int
    reason: str
    raw: str
    column: str | None = None
    value: str = ""


class Sighting(NamedTuple):
    """The number of records of a kind; `batch`, `line` (from 0) and `value` are those of the first by position."""

    records: int
    batch: int
    line: int
    value: str


def first_by_reason(rejects: Iterable[Reject]) -> dict[str, Reject]:
    """The first reject of each reason by position."""
    first: dict[str, Reject] = {}
    for reject in rejects:
        other = first.setdefault(reject.reason, reject)
        if (reject.batch, reject.line) < (other.batch, other.line):
            first[reject.reason] = reject
    return first


def sum_sightings(sightings: Iterable[tuple[str, Sighting]]) -> dict[str, Sighting]:
    """The sum of sightings of each kind."""
    sums: dict[str, Sighting] = {}
    for kind, sighting in sightings:
        sums[kind] = _add(sums[kind], sighting) if kind in sums else sighting
    return sums


def _add(one: Sighting, other: Sighting) -> Sighting:
    first = min(one, other, key=lambda sighting: (sighting.batch, sighting.line))
    return first._replace(records=one.records + other.records)
