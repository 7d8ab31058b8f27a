"""Runs a job whose batches an engine maps: the steps before and after mapping are the same for each of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from autoconnect.client import Watcher
from autoconnect.core.capacity import Holder, most_cells
from autoconnect.core.dialect import DialectOptions
from autoconnect.core.metrics import CATALOGUE, compute, facts_of
from autoconnect.core.metrics.base import JobFacts
from autoconnect.core.names import fold
from autoconnect.core.outcome import REJECT_COLUMNS, Limits, Outcome, reduce
from autoconnect.core.partial import Partial
from autoconnect.core.plan import Plan
from autoconnect.core.schema import Folding
from autoconnect.core.splits import ByteRange
from autoconnect.core.table import Table
from autoconnect.engines.base import Ended
from autoconnect.engines.job import EngineJob
from autoconnect.errors import CubeError, RecordCrossesBatch, SourceError
from autoconnect.mapping import MapperName
from autoconnect.memory import memory_limit
from autoconnect.planning import Between, batch_size, plan
from autoconnect.settings import Settings
from autoconnect.sources.local import Folders
from autoconnect.sources.names import source_name


@dataclass(frozen=True)
class ToMap:
    """A plan that an engine maps with `mapper`; it calls `has_mapped` with the range of each batch that is done.

    The sum may have at most `max_cells` cells.
    """

    plan: Plan
    folders: Folders
    mapper: MapperName
    max_cells: int
    has_mapped: Callable[[ByteRange], None]


#: Maps all batches of a plan and returns their sum. Raises the errors of `map_batches`.
Map = Callable[[ToMap], Partial]


def run_mapped(file: Path, settings: Settings, dialect: DialectOptions, watch: Watcher, map_all: Map) -> Ended:
    """Run a job whose batches are mapped by `map_all`; SourceError and CubeError fail the job."""
    job = EngineJob(source_name(Path(file.name)), watch)
    options = dialect.merged(settings.dialect_options)
    steps = _Steps(job, Folders(file.parent, file.parent), settings, options, map_all)
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
    map_all: Map

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
        mapper, has_mapped = self.settings.mapper, self.job.has_mapped
        return planned, self.map_all(ToMap(planned, self.folders, mapper, self._max_cells, has_mapped))

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
