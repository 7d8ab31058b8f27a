"""A whole file as one job reads it: its rows, its rejects, its notes, and why it fails if it does."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from tests.oracle.dialect import Dialect, Given, body_of, judge
from tests.oracle.encoding import without_boms
from tests.oracle.failures import CannotPlan
from tests.oracle.fields import read_date
from tests.oracle.judging import judge_record, looks_like_strays
from tests.oracle.names import merged_names, suspicious_names
from tests.oracle.records import Record, has_quoted_break, has_stray_end, split_records
from tests.oracle.rows import Note, Reject, Row
from tests.oracle.sorting import Kind, kind_of

MAX_REJECTED_RATIO = 0.10
#: Rows of the other order of dates are tolerated up to one in this number of rows.
ROWS_PER_OTHER_DATE = 1_000


@dataclass(frozen=True)
class Reading:
    """What a job makes of a file; `rows` have the names as they are spelled. Without a dialect, planning failed."""

    rows: Sequence[Row]
    rejects: Sequence[Reject]
    notes: Sequence[Note]
    failure: str | None
    dialect: Dialect | None

    @property
    def rows_read(self) -> int:
        """Accepted and rejected rows."""
        return len(self.rows) + len(self.rejects)

    @property
    def may_be_published(self) -> bool:
        """Whether the job completed with at least one accepted row."""
        return self.failure is None and bool(self.rows)


def read_file(
    data: bytes, given: Given | None = None, fold: str = "on", max_rejected_ratio: float = MAX_REJECTED_RATIO
) -> Reading:
    """Read a whole file. `given` has parts of the dialect, `columns` and `types`, as `POST /jobs` takes them."""
    try:
        dialect = judge(data, given or {})
    except CannotPlan as error:
        return Reading([], [], [], str(error), None)
    return read_as(without_boms(data).removesuffix(b"\x1a"), dialect, fold, max_rejected_ratio)


def read_as(data: bytes, dialect: Dialect, fold: str, max_rejected_ratio: float) -> Reading:
    """Read a file, without byte order mark, of a dialect."""
    body = body_of(data, dialect.form, dialect.header.last_line)
    records = list(split_records(body, dialect.form, dialect.header.last_line + 1))
    kinds = [kind_of(record, dialect.form, dialect.header, dialect.columns) for record in records]
    of_kind = {kind: [record for record, found in zip(records, kinds, strict=True) if found is kind] for kind in Kind}
    judged = [(record, judge_record(record, dialect)) for record in of_kind[Kind.ROW]]
    everything = [row for _, found in judged for row in found]
    rows = [row for row in everything if isinstance(row, Row)]
    rejects = [row for row in everything if isinstance(row, Reject)]
    other_dates = [reject for reject in rejects if is_of_other_order(reject, dialect.dates)]
    readable = [record for record in of_kind[Kind.ROW] if not looks_like_strays(record, dialect)]
    broken = [record for record in readable if has_break(record, dialect)]
    stray = [record for record in readable if has_stray_end(record, dialect.form)]
    notes = [
        *notes_of_header(dialect),
        note("repeated_headers", of_kind[Kind.SAME_HEADER]),
        note("line_breaks_in_quotes", broken),
        note("stray_line_ends", stray),
        note("other_date_order", other_dates),
        Note("names_merged", len(merged_names(rows, fold))),
        Note("suspicious_text", len(suspicious_names(rows))),
    ]
    failure = (
        failure_of_headers(of_kind[Kind.OTHER_HEADER])
        or failure_of_dates(other_dates, len(everything), dialect)
        or failure_of_rejects(rejects, len(everything), max_rejected_ratio)
    )
    found = [entry for entry in notes if entry.count]
    if not rows and not failure:
        found.append(Note("no_rows", 0))
    return Reading(rows, rejects, found, failure, dialect)


def note(code: str, concerned: Sequence[Record] | Sequence[Reject]) -> Note:
    """A note on records or rejects, with the first one's line."""
    return Note(code, len(concerned), concerned[0].line if concerned else None)


def notes_of_header(dialect: Dialect) -> list[Note]:
    """The notes that follow from the header and the lines before it."""
    before, columns = dialect.header.lines_before, dialect.columns
    return [
        Note("lines_before_header", len(before), before[0] if before else None),
        Note("unused_columns", len(columns.unknown)),
        Note("second_id", len(columns.second_ids)),
        Note("cost_not_used", int(columns.cost_not_used)),
    ]


def has_break(record: Record, dialect: Dialect) -> bool:
    """Whether a record has a line break in quotes."""
    return any(has_quoted_break(field, dialect.form) for field in record.fields or ())


def is_of_other_order(reject: Reject, dates: str) -> bool:
    """Whether a date is possible only in the order that is not the dialect's."""
    other = {"dmy": "mdy", "mdy": "dmy"}.get(dates)
    return reject.reason == "bad_date" and other is not None and read_date(reject.text or "", other) is not None


def failure_of_headers(headers: Sequence[Record]) -> str | None:
    """A header in the middle that means something else makes the rows after it unreadable."""
    if not headers:
        return None
    return f"There is another header in line {headers[0].line}: split the file before it."


def failure_of_dates(rejects: Sequence[Reject], rows_read: int, dialect: Dialect) -> str | None:
    """More than 1 in 1,000 rows of the other order, unless the order was given."""
    if "dates" in dialect.given or len(rejects) * ROWS_PER_OTHER_DATE <= rows_read:
        return None
    first = rejects[0]
    return f"{len(rejects)} dates are not {dialect.dates}, first {first.value!r} in line {first.line}: give dates."


def failure_of_rejects(rejects: Sequence[Reject], rows_read: int, most: float) -> str | None:
    """More rejects than MAX_REJECTED_RATIO; the sentence names the most frequent reasons and the first line of each."""
    if len(rejects) <= Fraction(str(most)) * rows_read:
        return None
    counts = Counter(reject.reason for reject in rejects)
    firsts = {reason: next(reject for reject in rejects if reject.reason == reason) for reason in counts}
    reasons = "; ".join(
        f"{count} {reason}, first in line {firsts[reason].line} ({firsts[reason].value!r})"
        for reason, count in counts.most_common(3)
    )
    return f"{len(rejects)} of {rows_read} rows are rejected: {reasons}."


def read_rows(
    data: bytes, encoding: str | None = None, delimiter: str | None = None, **given: Any
) -> tuple[list[Row], list[tuple[int, str]]]:
    """The accepted rows of a file, with names as they are spelled, and the line and reason of each other row."""
    parts = {"encoding": encoding, "delimiter": delimiter}
    reading = read_file(data, {**{name: part for name, part in parts.items() if part}, **given}, max_rejected_ratio=1.0)
    if reading.failure:
        raise ValueError(reading.failure)
    return list(reading.rows), [(reject.line, reject.reason) for reject in reading.rejects]
