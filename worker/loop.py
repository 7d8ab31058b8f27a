"""The worker's loop: claim a batch, read it, map it, commit its partial."""

import secrets
import time

import structlog

from autoconnect.broker import batches, queues, results
from autoconnect.broker.batches import Claim
from autoconnect.broker.connection import Client
from autoconnect.broker.keys import BatchId
from autoconnect.core.cube import check_size
from autoconnect.core.partial import Partial
from autoconnect.errors import BrokerFull, BrokerUnavailable, CubeError, RecordCrossesBatch, SourceChanged
from autoconnect.service import Stop
from autoconnect.settings import Settings
from worker.heartbeat import Heartbeat
from worker.mapping import add_claim, make_mapper, warm_up

log: structlog.stdlib.BoundLogger = structlog.get_logger()

#: While Redis has no room for what is to be written, it is asked again so often.
_FULL_PAUSE_S = 0.5
#: A partial of fewer rows a cell than this costs Redis and the aggregator much for what it tells ...
_ROWS_PER_CELL = 200
#: ... so more batches are mapped to it, unless that has taken so long already, or it has so many cells that the rows of
#: the source seem to have little in common.
_GROUP_S = 1.0
_GROUP_CELLS = 100_000


class _Group:
    """Batches of one plan that are mapped to one partial and committed together: all of them count, or none does."""

    def __init__(self, first: Claim, settings: Settings) -> None:
        self.mapper = make_mapper(settings, first.layout)
        self.items: list[BatchId] = []
        self._plan = (first.id.job, first.id.generation)
        self._alone = first.failed_before
        self._started = time.monotonic()

    def takes(self, claim: Claim) -> bool:
        """Whether a batch may be among these. One that has failed before is on its own, so as not to fail others."""
        return (claim.id.job, claim.id.generation) == self._plan and not (self._alone or claim.failed_before)

    @property
    def wants_more(self) -> bool:
        """Whether it is worth the while to map another batch before these are committed."""
        if self._alone or time.monotonic() - self._started >= _GROUP_S:
            return False
        cells = self.mapper.cells
        return cells < _GROUP_CELLS and self.mapper.rows < _ROWS_PER_CELL * cells


class Worker:
    """Its id is new at each start, so that its claimed list holds nothing that another process had claimed."""

    def __init__(self, client: Client, blocking: Client, settings: Settings, stop: Stop) -> None:
        self.id = secrets.token_hex(6)
        self._client = client
        self._blocking = blocking
        self._settings = settings
        self._stop = stop
        self.heartbeat = Heartbeat(client, self.id, settings)
        self._registered = False

    def register(self) -> None:
        """Announces the worker, once: it is able to map by then, and its heartbeat is there before its first claim."""
        if not self._registered:
            warm_up(self._settings.mapper)
            self.heartbeat.start()
            self._registered = True
            log.info("worker ready", worker=self.id)

    def round(self) -> None:
        """Maps what is in the claimed list; else waits for a batch and maps that, and more that go well with it."""
        self.register()
        items = batches.claimed_items(self._client, self.id) or self._await()
        group: _Group | None = None
        while items and not self._stop.requested:
            self.heartbeat.show_progress()
            claim = batches.claim_batch(self._client, self.id, items.pop(0))
            # One of the group can come again: it was reaped before it was claimed, or Redis is as it was before.
            if claim is None or (group and claim.id in group.items):
                continue
            if group and not group.takes(claim):
                self._commit(group)
                group = None
            group = group or _Group(claim, self._settings)
            if not self._map(group, claim):
                return
            if not items and group.wants_more:
                items = self._take()
        if group:
            self._commit(group)

    def leave(self) -> None:
        """Gives back what is claimed, and the lease."""
        if not self._registered:
            return
        try:
            for item in batches.claimed_items(self._client, self.id):
                batches.return_batch(self._client, self.id, item)
            self.heartbeat.end()
        except BrokerUnavailable as error:
            log.warning("left without giving back what was claimed; it will be reaped", error=str(error))

    def _await(self) -> list[BatchId]:
        self.heartbeat.show_progress()
        if queues.memory_is_short(self._client):
            self._stop.wait(_FULL_PAUSE_S)
            return []
        item = batches.await_batch(self._blocking, self.id, self._settings.block_ms)
        return [item] if item else []

    def _take(self) -> list[BatchId]:
        """A batch that is ready, if there is one."""
        if self._stop.requested:
            return []
        item = batches.take_batch(self._client, self.id)
        return [item] if item else []

    def _map(self, group: _Group, claim: Claim) -> bool:
        """Maps a batch; where that fails, nothing of the group is committed, and what is still to do is done again."""
        with structlog.contextvars.bound_contextvars(job=claim.id.job, batch=claim.id.batch):
            try:
                add_claim(group.mapper, claim, self._settings)
            except RecordCrossesBatch as error:
                batches.replan_job(self._client, self.id, claim.id)
                log.warning("job goes back to planning", error=str(error))
            except (SourceChanged, CubeError) as error:
                self._fail(claim.id, error)
            except Exception as error:
                log.exception("batch failed")
                reason = f"{type(error).__name__}: {error}"
                batches.return_batch(self._client, self.id, claim.id, self._settings.max_attempts, reason)
            else:
                group.items.append(claim.id)
                return True
        return False

    def _commit(self, group: _Group) -> None:
        with structlog.contextvars.bound_contextvars(job=group.items[0].job, batches=len(group.items)):
            try:
                partial = group.mapper.partial()
                check_size(partial.cube, self._settings.max_cells)
            except CubeError as error:
                self._fail(group.items[0], error)
            else:
                self._write(group.items, partial)

    def _write(self, items: list[BatchId], partial: Partial) -> None:
        while True:
            try:
                counted = results.commit_batches(self._client, self.id, items, partial)
            except BrokerFull as error:
                log.warning("commit waits", error=str(error))
                self.heartbeat.show_progress()
                self._stop.wait(_FULL_PAUSE_S)
                if self._stop.requested:
                    return
            else:
                log.debug("committed" if counted else "commit discarded", rows=partial.rows_read)
                return

    def _fail(self, item: BatchId, error: Exception) -> None:
        """Fails the job at once, since another attempt would end alike."""
        batches.fail_batch(self._client, self.id, item, str(error))
        log.warning("job failed", error=str(error))
