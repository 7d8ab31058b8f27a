"""Why a job fails though all its batches are done."""

from collections.abc import Iterator
from fractions import Fraction

from autoconnect.core.days import EXAMPLES, OTHER_ORDER
from autoconnect.core.fields import expected
from autoconnect.core.lines import FileLines
from autoconnect.core.notes import counted, shown
from autoconnect.core.partial import Partial
from autoconnect.core.schema import REASONS
from autoconnect.core.tally import OTHER_DATE_ORDER, OTHER_HEADER, Reject

#: Number of rows for each row that may have a date in the other order: more of these fail the job.
_ROWS_PER_OTHER_ORDER = 1_000
#: Reasons that a sentence names: more would be cut.
_MAX_REASONS = 3


def failure_of(total: Partial, lines: FileLines, max_rejected_ratio: float) -> str | None:
    """One sentence if a job fails whose partials have this sum, or None."""
    return _other_header(total, lines) or _other_date_order(total, lines) or _rejects(total, lines, max_rejected_ratio)


def _other_header(total: Partial, lines: FileLines) -> str | None:
    seen = total.sightings.get(OTHER_HEADER)
    if not seen:
        return None
    return (
        f"The header at {lines.shown(seen.batch, seen.line)} has other columns than the first header, or another order "
        f"of them: {seen.value}; make two files of the source, one for each."
    )


def _other_date_order(total: Partial, lines: FileLines) -> str | None:
    seen = total.sightings.get(OTHER_DATE_ORDER)
    if not seen or seen.records * _ROWS_PER_OTHER_ORDER <= total.rows_read:
        return None
    dialect = lines.place(seen.batch, seen.line).part.layout.dialect
    if "dates" in dialect.given:
        return None
    order, other = dialect.dates, OTHER_ORDER[dialect.dates]
    return (
        f"{seen.records:,} of {counted(total.rows_read, 'row')} have a date like {EXAMPLES[other]}, first at "
        f"{lines.shown(seen.batch, seen.line)}: {seen.value}; dates like {EXAMPLES[order]} were expected, as in the "
        f"sample. Write all dates as YYYY-MM-DD, or give dates={order} (--dialect dates={order}) to reject these rows."
    )


def _rejects(total: Partial, lines: FileLines, max_ratio: float) -> str | None:
    if total.rows_rejected <= Fraction(str(max_ratio)) * total.rows_read:
        return None
    return (
        f"{total.rows_rejected:,} of {total.rows_read:,} rows were rejected, more than the allowed share of "
        f"{max_ratio:.0%} (AUTOCONNECT_MAX_REJECTED_RATIO): {'; '.join(_most_frequent(total, lines))}."
    )


def _most_frequent(total: Partial, lines: FileLines) -> Iterator[str]:
    """The most frequent reasons, each with its first row."""
    reasons = sorted(total.rejected, key=lambda reason: (-total.rejected[reason], REASONS.index(reason)))
    for reason in reasons[:_MAX_REASONS]:
        first = total.first_rejects[reason]
        place = lines.shown(first.batch, first.line)
        yield f"{reason}: {counted(total.rejected[reason], 'row')}, first at {place}: {_finding(first, lines)}"


def _finding(reject: Reject, lines: FileLines) -> str:
    place = lines.place(reject.batch, reject.line)
    finding = f"expected {expected(reject.reason, place.part.layout, reject.value)}"
    if reject.column:
        return f"{reject.value or 'nothing'} in {shown(place.column(reject.column))}, {finding}"
    return f"{reject.value}, {finding}" if reject.value else finding
