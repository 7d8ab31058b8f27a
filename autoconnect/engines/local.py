"""The engine `local`: a job in this process, one batch after another. It needs no Redis and no other process.

An unexpected error ends it with a traceback, and a debugger can stop in any of its steps.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from autoconnect.client import Watcher
from autoconnect.core.capacity import Holder, most_cells
from autoconnect.core.cube import check_size
from autoconnect.core.dialect import DialectOptions
from autoconnect.core.metrics import CATALOGUE, compute, facts_of
from autoconnect.core.metrics.base import JobFacts
from autoconnect.core.names import fold
from autoconnect.core.outcome import REJECT_COLUMNS, Limits, Outcome, reduce
from autoconnect.core.partial import Partial
from autoconnect.core.plan import MappableBatch, Plan
from autoconnect.core.schema import Folding
from autoconnect.core.table import Table
from autoconnect.engines.base import Ended
from autoconnect.engines.job import EngineJob
from autoconnect.errors import CubeError, RecordCrossesBatch, SourceError
from autoconnect.mapping import add_batch, make_mapper
from autoconnect.memory import memory_limit
from autoconnect.planning import Between, batch_size, plan
from autoconnect.settings import Settings
from autoconnect.sources.local import Folders
from autoconnect.sources.names import source_name


def run(file: Path, settings: Settings, dialect: DialectOptions, watch: Watcher) -> Ended:
    """Run a job in this process; SourceError and CubeError fail the job."""
    job = EngineJob(source_name(Path(file.name)), watch)
    options = dialect.merged(settings.dialect_options)
    steps = _Steps(job, Folders(file.parent, file.parent), settings, options)
    try:
        total, outcome = steps.run()
    except (SourceError, CubeError) as error:
        return Ended(job.end(str(error)), {}, Table(REJECT_COLUMNS, []))
    metrics = {} if outcome.failure else _metrics(outcome, facts_of(total), settings.fold_names)
    return Ended(job.end(outcome.failure, outcome.notes), metrics, outcome.rejects)


@dataclass(frozen=True)
class _Steps:
    """Plans, maps and reduces the file of a job."""

    job: EngineJob
    folders: Folders
    settings: Settings
    options: DialectOptions

    def run(self) -> tuple[Partial, Outcome]:
        """The sum of all batches, and the outcome of the job."""
        try:
            planned, total = self._planned_and_mapped("lines")
        except RecordCrossesBatch:
            planned, total = self._planned_and_mapped("records")
        self.job.is_mapped(total)
        limits = Limits(self._max_cells, self.settings.max_rejected_ratio)
        return total, reduce([total], planned.parts, limits, self.settings.fold_names)

    def _planned_and_mapped(self, between: Between) -> tuple[Plan, Partial]:
        size = batch_size(self.settings, self.settings.workers)
        planned = plan([self.job.shown.source], self.folders, size, between, options=self.options)
        self.job.is_planned(planned)
        return planned, self._mapped(planned)

    def _mapped(self, planned: Plan) -> Partial:
        [part] = planned.parts
        mapper = make_mapper(self.settings.mapper, part.layout)
        for number, batch in enumerate(planned.batches):
            add_batch(mapper, MappableBatch(number, part, batch.range), self.folders)
            if mapper.cells > self._max_cells:
                check_size(mapper.partial().cube, self._max_cells)
            self.job.has_mapped(batch.range)
        return mapper.partial()

    @cached_property
    def _max_cells(self) -> int:
        if self.settings.max_cells != "auto":
            return self.settings.max_cells
        memory = memory_limit()
        holders = [Holder(service, memory.bytes, memory.pool) for service in ("worker", "aggregator")]
        return most_cells(holders, reserved_bytes=0)


def _metrics(outcome: Outcome, facts: JobFacts, folding: Folding) -> Mapping[str, Table]:
    """All metrics; those that the outcome leaves out are computed."""
    if len(outcome.metrics) == len(CATALOGUE):
        return outcome.metrics
    folded = fold(outcome.cube, folding).cube
    return {
        name: outcome.metrics[name] if name in outcome.metrics else compute(metric, folded, facts)
        for name, metric in CATALOGUE.items()
    }
