"""A job in this process, without Redis: plan, map batch by batch, reduce."""

from pathlib import Path

from autoconnect.core.dialect import NOTHING_GIVEN, DialectOptions
from autoconnect.core.outcome import Limits, Outcome, reduce
from autoconnect.errors import RecordCrossesBatch
from autoconnect.mapping import MapperName, map_batches
from autoconnect.planning import BatchSize, Between, plan
from autoconnect.sources.local import Folders

LIMITS = Limits(max_cells=100_000, max_rejected_ratio=0.1)


def run_job(path: Path, mapper: MapperName, size: BatchSize, options: DialectOptions = NOTHING_GIVEN) -> Outcome:
    """The outcome of a job on a file; it is planned again, between records, if one lies across the edge of two batches.

    Raises SourceError if it cannot be planned.
    """
    folders = Folders(uploads=path.parent / "none", data=path.parent)

    def run_between(between: Between) -> Outcome:
        planned = plan([path.name], folders, size, between, options=options)
        partials = [map_batches(planned, [number], folders, mapper) for number in range(len(planned.batches))]
        return reduce(partials[::-1], planned.parts, LIMITS)

    try:
        return run_between("lines")
    except RecordCrossesBatch:
        return run_between("records")
