"""The outcome of a job whose batches are all done: its metrics, its rejects, and whether it completes."""

from fractions import Fraction

from autoconnect.broker.results import Outcome
from autoconnect.core.layout import Layout
from autoconnect.core.metrics import CATALOGUE, compute, facts_of
from autoconnect.core.partial import Partial, file_lines
from autoconnect.models import JobStatus, RejectedRow
from autoconnect.tables import table_json


def outcome_of(source: str, layout: Layout, total: Partial, max_rejected_ratio: float) -> Outcome:
    """The outcome of a job, from the sum of all its partials.

    Raises CubeError if a total leaves 64 bits.
    """
    facts = facts_of(total)
    rejects = [
        RejectedRow(file=source, line=line, reason=reject.reason, raw=reject.raw)
        for line, reject in zip(file_lines(total, layout.header_lines), total.rejects, strict=True)
    ]
    months = total.cube.by_month()
    metrics = {
        name: table_json(compute(metric, total.cube if metric.by_day else months, facts))
        for name, metric in CATALOGUE.items()
    }
    status, reason = JobStatus.COMPLETED, ""
    if total.rows_rejected > Fraction(str(max_rejected_ratio)) * total.rows_read:
        status = JobStatus.FAILED
        reason = (
            f"{total.rows_rejected:,} of {total.rows_read:,} rows were rejected, more than the allowed share of "
            f"{max_rejected_ratio:.0%} (AUTOCONNECT_MAX_REJECTED_RATIO); see the job's rejects."
        )
    return Outcome(status, reason, Partial(total.cube), metrics, rejects)
