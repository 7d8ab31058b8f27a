"""The memory of Redis as a budget: what is freed, and in which order, before a job has to wait or to fail."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import structlog

from aggregator.cell_limit import CellLimit
from aggregator.shortage import Queue, Shortage
from autoconnect.broker import freeing, keys, server, waits
from autoconnect.broker.connection import Client
from autoconnect.broker.freeing import Freeable
from autoconnect.broker.server import Memory
from autoconnect.broker.waits import OpenJob
from autoconnect.settings import Settings

log: structlog.stdlib.BoundLogger = structlog.get_logger()

#: Share of Redis' memory that unpublished results may take, unless RESULTS_BYTES is set.
_RESULTS_SHARE = 1 / 4
#: Things of one kind that a tick frees at most.
_AT_ONCE = 100


class Budget:
    """Frees memory of Redis at each tick. Two of them do no harm: scripts check again what they remove."""

    def __init__(self, client: Client, settings: Settings) -> None:
        self._client = client
        self._settings = settings
        self._cell_limit = CellLimit(client, settings)
        self._queue = Queue(client, settings.memory_wait_s)

    def tick(self) -> None:
        """Free what may be freed; if that is not enough, let jobs wait, or fail."""
        memory = server.read_memory(self._client)
        open_jobs = waits.read_open_jobs(self._client)
        self._cell_limit.tick(open_jobs)
        self._free_leftovers()
        self._free_surplus(memory)
        shortage = self._shortage(memory, open_jobs)
        self._queue.end_waits(shortage)
        missing = shortage.missing if self._queue.lasts(shortage) else shortage.missing_for_good
        if self._free(missing) < shortage.missing:
            self._queue.tick(shortage)

    def leave(self) -> None:
        """Do what must be done when the aggregator ends."""
        self._cell_limit.leave()

    def _shortage(self, memory: Memory, open_jobs: Sequence[OpenJob]) -> Shortage:
        staged = sum(map(keys.size_in, freeing.staged_keys(self._client)))
        needs = waits.read_needs(self._client) if memory.maximum else {}
        return Shortage(
            memory=memory,
            open_jobs=open_jobs,
            needs={job.id: needs[job.id] for job in open_jobs if job.id in needs},
            passing_bytes=staged + memory.buffers,
        )

    def _free_leftovers(self) -> None:
        """Free what was staged by processes that are gone."""
        least_age_ms = 2 * self._settings.lease_ms
        for key in freeing.staged_keys(self._client, least_age_ms)[:_AT_ONCE]:
            if freeing.free_staging(self._client, key, least_age_ms):
                log.info("staging removed: its writer is gone", recovery="freed", key=key)

    def _free_surplus(self, memory: Memory) -> None:
        """Remove the oldest unpublished results beyond RESULTS_BYTES."""
        most_bytes = self._settings.results_bytes or int(memory.maximum * _RESULTS_SHARE)
        if not most_bytes:
            return
        results = freeing.unpublished_results(self._client)
        surplus = sum(result.bytes for result in results) - most_bytes
        for result in results[:_AT_ONCE]:
            if surplus <= 0:
                return
            if freeing.free_result(self._client, result.job_id):
                surplus -= result.bytes
                log.info("oldest result removed", job=result.job_id, bytes=result.bytes, results_bytes=most_bytes)

    def _free(self, missing: int) -> int:
        """Free that many bytes, or as many as may be freed; return their number."""
        freed = 0
        for what, job, free in islice(self._freeable(), _AT_ONCE if missing else 0):
            if freed >= missing:
                break
            if free(self._client, job.job_id):
                freed += job.bytes
                log.warning("removed to free memory", recovery="freed", what=what, job=job.job_id, bytes=job.bytes)
        return freed

    def _freeable(self) -> Iterator[tuple[str, Freeable, Callable[[Client, str], bool]]]:
        """What may be freed, in this order, and the function that frees it."""
        for job in freeing.retained_jobs(self._client):
            yield "partials of a failed job", job, freeing.free_retained
        for job in freeing.unpublished_results(self._client):
            yield "result", job, freeing.free_result
