"""How a job ends whose batches are all done: its metrics, its rejects, and whether it counts."""

from fractions import Fraction

from autoconnect.broker.results import Outcome
from autoconnect.core.layout import Layout
from autoconnect.core.metrics import CATALOGUE, compute, facts_of
from autoconnect.core.partial import Partial, file_lines
from autoconnect.models import JobStatus, RejectedRow
from autoconnect.tables import table_json


def outcome_of(source: str, layout: Layout, whole: Partial, max_rejected_ratio: float) -> Outcome:
    """The outcome of a job, from the sum of all its partials.

    Raises CubeError where a total leaves 64 bits.
    """
    facts = facts_of(whole)
    rejects = [
        RejectedRow(file=source, line=line, reason=reject.reason, raw=reject.raw)
        for line, reject in zip(file_lines(whole, layout.header_lines), whole.rejects, strict=True)
    ]
    months = whole.cube.by_month()
    metrics = {
        name: table_json(compute(metric, whole.cube if metric.by_day else months, facts))
        for name, metric in CATALOGUE.items()
    }
    status, reason = JobStatus.COMPLETED, ""
    if whole.rows_rejected > Fraction(str(max_rejected_ratio)) * whole.rows_read:
        status = JobStatus.FAILED
        reason = (
            f"{whole.rows_rejected:,} of {whole.rows_read:,} rows were rejected, more than the allowed share of "
            f"{max_rejected_ratio:.0%} (AUTOCONNECT_MAX_REJECTED_RATIO); see the job's rejects."
        )
    return Outcome(status, reason, Partial(whole.cube), metrics, rejects)
