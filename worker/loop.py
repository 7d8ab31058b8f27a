"""The worker's loop: claim a batch, read it, map it, commit its partial."""

import secrets
import time

import structlog

from autoconnect.broker import batches, queues, results
from autoconnect.broker.batches import Claim, Handed
from autoconnect.broker.connection import Client
from autoconnect.broker.keys import BatchId
from autoconnect.core.cube import check_size
from autoconnect.core.partial import Partial
from autoconnect.errors import (
    AutoConnectError,
    BatchDropped,
    BrokerFull,
    BrokerUnavailable,
    CubeError,
    RecordCrossesBatch,
    SourceChanged,
    SourceNotFound,
)
from autoconnect.service import Stop, Throttle
from autoconnect.settings import Settings
from worker.heartbeat import Heartbeat
from worker.mapping import add_claim, make_mapper, warm_up

log: structlog.stdlib.BoundLogger = structlog.get_logger()

#: While Redis has no room for what is to be written, it is asked again so often.
_FULL_PAUSE_S = 0.5
#: A partial of no more rows a cell than this costs Redis and the aggregator much for what it tells ...
_ROWS_PER_CELL = 200
#: ... so more batches are mapped to it, unless that has taken so long already, or they are so many that committing them
#: holds up Redis, or it has so many cells that the rows of the source seem to have little in common.
_GROUP_S = 1.0
_GROUP_BATCHES = 256
_GROUP_CELLS = 100_000
#: While batches are mapped, Redis is asked so often whether they are still wanted, and whether it has room.
_ASK_S = 0.5


class _Group:
    """Batches of one plan that are mapped to one partial and committed together: all of them count, or none does."""

    def __init__(self, first: Claim, settings: Settings) -> None:
        self.mapper = make_mapper(settings, first.layout)
        self.items: list[BatchId] = []
        self.plan = first.id
        self._alone = first.alone
        self._started = time.monotonic()

    def takes(self, claim: Claim) -> bool:
        """Whether a batch may be among these. One that has failed before is on its own, so as not to fail others."""
        same_plan = (claim.id.job, claim.id.generation) == (self.plan.job, self.plan.generation)
        return same_plan and not (self._alone or claim.alone)

    @property
    def wants_more(self) -> bool:
        """Whether it is worth the while to map another batch before these are committed."""
        if self._alone or len(self.items) >= _GROUP_BATCHES or time.monotonic() - self._started >= _GROUP_S:
            return False
        cells = self.mapper.cells
        return cells < _GROUP_CELLS and self.mapper.rows <= _ROWS_PER_CELL * cells


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
        self._handed: Handed = None
        self._ask_wanted = Throttle(_ASK_S)
        self._ask_memory = Throttle(_ASK_S)
        self._memory_short = False

    def register(self) -> None:
        """Announces the worker, once: it is able to map by then, and its heartbeat is there before its first claim."""
        if not self._registered:
            warm_up(self._settings.mapper)
            self.heartbeat.start()
            self._registered = True
            log.info("worker ready", worker=self.id)

    def round(self) -> None:
        """Maps what it was handed by its last commit; else looks into its claimed list, else waits for a batch.

        More batches that are ready and go well with it are mapped to the same partial.
        """
        self.register()
        self.heartbeat.show_progress()
        handed, self._handed = self._handed or self._look(), None
        claim = self._claimed(handed)
        if claim and not self._stop.requested:
            self._handed = self._work(claim)

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

    def _look(self) -> Handed:
        """What a lost reply or a failed mapping has left in the claimed list, else what is ready, in a while."""
        for item in batches.claimed_items(self._client, self.id):
            log.info("claimed batch found", recovery="resumed", job=item.job, batch=item.batch)
            return item
        if self._is_short_of_memory():
            self._stop.wait(_FULL_PAUSE_S)
            return None
        return batches.wait_for_batch(self._blocking, self.id, self._settings.block_ms)

    def _claimed(self, handed: Handed) -> Claim | None:
        return batches.claim_batch(self._client, self.id, handed) if isinstance(handed, BatchId) else handed

    def _work(self, claim: Claim) -> Handed:
        """Maps a batch, and more to the same partial as long as that is worth the while; returns what comes next."""
        group = _Group(claim, self._settings)
        while self._map(group, claim):
            more = self._one_more(group)
            if not more:
                return self._commit(group, wants_more=True)
            if not group.takes(more):
                self._commit(group, wants_more=False)
                return more
            claim = more
        return None

    def _one_more(self, group: _Group) -> Claim | None:
        """A batch that is ready, if there is one, the group wants it, and Redis has room."""
        try:
            return self._claimed(self._take(group))
        except BrokerFull as error:
            log.warning("no further batch", error=str(error))
            return None

    def _take(self, group: _Group) -> Handed:
        while group.wants_more and not self._stop.requested and not self._is_short_of_memory():
            handed = batches.claim_next_batch(self._client, self.id, group.plan)
            # One of the group can come again: it was reaped before it was claimed, or Redis is as it was before.
            if not (isinstance(handed, Claim) and handed.id in group.items):
                return handed
        return None

    def _map(self, group: _Group, claim: Claim) -> bool:
        """Maps a batch; where that fails, nothing of the group is committed, and what is still to do is done again."""
        with structlog.contextvars.bound_contextvars(job=claim.id.job, batch=claim.id.batch):
            try:
                add_claim(group.mapper, claim, self._settings, lambda: self._check_wanted(claim.id))
            except BatchDropped as error:
                log.info("batch given up", reason=str(error))
            except RecordCrossesBatch as error:
                batches.replan_job(self._client, self.id, claim.id)
                log.warning("job goes back to planning", error=str(error))
            except (SourceChanged, SourceNotFound, CubeError) as error:
                self._fail(claim.id, error)
            except BrokerUnavailable:
                raise
            except Exception as error:
                log.exception("batch failed")
                reason = str(error) if isinstance(error, AutoConnectError) else f"{type(error).__name__}: {error}"
                batches.return_batch(self._client, self.id, claim.id, self._settings.max_attempts, reason)
            else:
                group.items.append(claim.id)
                return True
        return False

    def _check_wanted(self, item: BatchId) -> None:
        """Called before each block: shows progress, and raises BatchDropped where going on would be for nothing."""
        self.heartbeat.show_progress()
        if self._ask_wanted.is_due() and not batches.is_wanted(self._client, item):
            raise BatchDropped("The job has ended or is planned anew, or the batch is done.")

    def _commit(self, group: _Group, *, wants_more: bool) -> Handed:
        with structlog.contextvars.bound_contextvars(job=group.plan.job, batches=len(group.items)):
            try:
                partial = group.mapper.partial()
                check_size(partial.cube, self._settings.max_cells)
            except CubeError as error:
                self._fail(group.items[0], error)
                return None
            return self._write(group.items, partial, wants_more)

    def _write(self, items: list[BatchId], partial: Partial, wants_more: bool) -> Handed:
        while True:
            more = wants_more and not self._stop.requested and not self._is_short_of_memory()
            handed: Handed = None
            try:
                if more:
                    counted, handed = results.commit_and_take(self._client, self.id, items, partial)
                else:
                    counted = results.commit_batches(self._client, self.id, items, partial)
            except BrokerFull as error:
                log.warning("commit waits", error=str(error))
                self.heartbeat.show_progress()
                self._stop.wait(_FULL_PAUSE_S)
                if self._stop.requested:
                    return None
            else:
                if counted:
                    log.debug("committed", rows=partial.rows_read)
                else:
                    log.info("commit discarded", recovery="discarded", rows=partial.rows_read)
                return handed

    def _fail(self, item: BatchId, error: Exception) -> None:
        """Fails the job at once, since another attempt would end alike."""
        batches.fail_batch(self._client, self.id, item, str(error))
        log.warning("job failed", error=str(error))

    def _is_short_of_memory(self) -> bool:
        if self._ask_memory.is_due():
            self._memory_short = queues.memory_is_short(self._client)
        return self._memory_short
