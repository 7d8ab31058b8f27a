"""Reducing one job: add its new partials to their sum, compact them, and finish the job after its last batch."""

from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

import structlog

from autoconnect.broker import jobs, keys, limits, partials, plans, reducers, results, server, waits
from autoconnect.broker.connection import Client
from autoconnect.broker.reducers import Judgement, Reduction
from autoconnect.core.outcome import Limits, reduce
from autoconnect.core.partial import Partial, merge_partials
from autoconnect.errors import BrokerFull, CubeError
from autoconnect.models import JobStatus
from autoconnect.settings import Settings

log: structlog.stdlib.BoundLogger = structlog.get_logger()

#: Bytes of a cell in a partial, with its model's name.
_CELL_BYTES = 27
#: Cells of the sums that are kept for other jobs: some 60 MB. Those of further jobs are read again when needed.
_KEPT_CELLS = 250_000
#: Names of partials that one script takes: 300 KB.
_MAX_NAMES = 4_000


class _Sum(NamedTuple):
    """The sum of partials of a job, and their names. The partial of a name never changes, so the sum stays valid."""

    names: frozenset[str] = frozenset()
    partial: Partial = Partial()


class Reducer:
    """Keeps sums of partials, which it can rebuild from Redis; `name` is its process, and is new at each start."""

    def __init__(self, client: Client, settings: Settings) -> None:
        self.name = keys.new_name()
        self._client = client
        self._settings = settings
        self._sums: dict[str, _Sum] = {}
        self._needs = waits.Needs(client)

    def reduce(self, job_id: str, most_bytes: int | None = None, *, may_judge: bool = False) -> bool:
        """Reduce a job as far as it has come; False if its sum and new partials have more than `most_bytes`."""
        with structlog.contextvars.bound_contextvars(job=job_id):
            judgement = Judgement(may_judge, self._settings.max_deaths)
            lease_ms = self._settings.lease_ms
            reduction = reducers.begin_reduction(self._client, job_id, self.name, lease_ms, judgement)
            if reduction is None:
                return True
            is_small = most_bytes is None or self._bytes(job_id, reduction.names) <= most_bytes
            if is_small:
                self._try_reduce(job_id, reduction)
            else:
                self._sums.pop(job_id, None)
            # Not after an unexpected error, which ends this process: it counts as a death.
            reducers.end_reduction(self._client, job_id, self.name)
            return is_small

    def keep_only(self, job_ids: list[str]) -> None:
        """Forget the sums of all other jobs."""
        self._sums = {job_id: total for job_id, total in self._sums.items() if job_id in job_ids}

    def forget(self) -> None:
        """Forget all sums: Redis may come back in an earlier state."""
        if self._sums:
            log.info("sums cleared; they are rebuilt from Redis", recovery="rebuilt", jobs=len(self._sums))
        self._sums.clear()

    def _bytes(self, job_id: str, names: list[str]) -> int:
        last = self._sums.get(job_id, _Sum())
        new_bytes = partials.bytes_of(name for name in names if name not in last.names)
        return _CELL_BYTES * len(last.partial.cube) + new_bytes

    def _try_reduce(self, job_id: str, reduction: Reduction) -> None:
        try:
            self._reduce(job_id, reduction)
            self._needs.end(job_id)
        except BrokerFull as error:
            self._needs.report(job_id, error)
            log.warning("reducing waits", error=str(error))
        except CubeError as error:
            self._fail(job_id, str(error))
        except MemoryError:
            self._sums.pop(job_id, None)
            self._fail(
                job_id,
                "The memory of the aggregator is too small to reduce the job: raise its limit, or lower "
                "AUTOCONNECT_MAX_CELLS to fail such jobs early.",
            )

    def _reduce(self, job_id: str, reduction: Reduction) -> None:
        max_cells = reduction.max_cells or limits.max_cells(self._client, self._settings.max_cells)
        names = reduction.names
        while len(names) > _MAX_NAMES:
            if not self._compact(job_id, self._update_sum(job_id, names[:_MAX_NAMES], max_cells)):
                return  # the job has ended, or another reducer works on it, too
            names = partials.partial_names(self._client, job_id)
        total = self._update_sum(job_id, names, max_cells)
        if reduction.status is JobStatus.REDUCING:
            del self._sums[job_id]
            self._finish(job_id, total, max_cells)
        elif len(total.names) > 1 and len(total.names) >= self._compact_threshold():
            self._compact(job_id, total)

    def _compact(self, job_id: str, total: _Sum) -> bool:
        name = partials.compact_partials(self._client, job_id, list(total.names), total.partial)
        if name:
            self._sums[job_id] = _Sum(frozenset([name]), total.partial)
        return name is not None

    def _finish(self, job_id: str, total: _Sum, max_cells: int) -> None:
        parts = plans.read_parts(self._client, job_id)
        if not parts:  # Redis has just come back in an earlier state
            return
        limits_of_job = Limits(max_cells, self._settings.max_rejected_ratio)
        outcome = reduce([total.partial], parts, limits_of_job, self._settings.fold_names)
        if results.finish_job(self._client, job_id, list(total.names), outcome) and not outcome.failure:
            log.info("job completed", rows=total.partial.rows_read, cells=len(outcome.cube))

    def _fail(self, job_id: str, reason: str) -> None:
        jobs.end_job(self._client, job_id, JobStatus.FAILED, reason)

    def _update_sum(self, job_id: str, names: list[str], max_cells: int) -> _Sum:
        """Return the sum of the partials of these names; read only those that are new since the last call.

        Raises CubeError if it has more than `max_cells` cells.
        """
        last = self._sums.pop(job_id, _Sum())
        self._forget_oldest()
        if not last.names <= set(names):
            last = _Sum()
        new_names = [name for name in names if name not in last.names]
        summed_names = set(last.names)

        def new_partials() -> Iterator[Partial]:
            for name, partial in partials.read_partials(self._client, new_names):
                summed_names.add(name)
                yield partial

        total = merge_partials(chain([last.partial], new_partials()), max_cells)
        self._sums[job_id] = _Sum(frozenset(summed_names), total)
        return self._sums[job_id]

    def _forget_oldest(self) -> None:
        """Forget the sums that have not been used for longest, as long as all have more than _KEPT_CELLS cells."""
        cells = sum(len(total.partial.cube) for total in self._sums.values())
        for job_id in list(self._sums):
            if cells <= _KEPT_CELLS:
                return
            cells -= len(self._sums.pop(job_id).partial.cube)

    def _compact_threshold(self) -> int:
        """The number of partials from which they are compacted: only 2 if memory is short."""
        is_short = not server.read_memory(self._client).may_claim or waits.read_needs(self._client)
        return 2 if is_short else partials.COMPACT_PARTIALS
