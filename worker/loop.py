"""The worker's loop: claim a batch, map it, and commit its partial, often together with further batches."""

import secrets
import time

import structlog

from autoconnect.broker import batches, queues, results
from autoconnect.broker.batches import Claim, NextItem
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

#: Seconds between attempts while Redis is short of memory.
_FULL_PAUSE_S = 0.5
#: Commit a group once its partial has more rows per cell than this: a partial with fewer costs Redis and the aggregator
#: too much for what it says.
_ROWS_PER_CELL = 200
#: Commit a group once it has taken this many seconds.
_GROUP_S = 1.0
#: Commit a group of this many batches: committing more would hold up Redis.
_GROUP_BATCHES = 256
#: Commit a group of this many cells: the rows of its source seem to share few cells.
_GROUP_CELLS = 100_000
#: Seconds between checks, while batches are mapped, that a batch is still needed and that Redis has memory.
_ASK_S = 0.5


class _Group:
    """Batches of one plan, mapped to one partial and committed together: all of them count, or none does."""

    def __init__(self, first: Claim, settings: Settings) -> None:
        self.mapper = make_mapper(settings, first.layout)
        self.items: list[BatchId] = []
        self.plan = first.id
        self._alone = first.alone
        self._started = time.monotonic()

    def accepts(self, claim: Claim) -> bool:
        """Whether a batch may join the group. One that has failed before stays alone, so as not to fail others."""
        same_plan = (claim.id.job, claim.id.generation) == (self.plan.job, self.plan.generation)
        return same_plan and not (self._alone or claim.alone)

    @property
    def wants_more(self) -> bool:
        """Whether to map another batch before committing these."""
        if self._alone or len(self.items) >= _GROUP_BATCHES or time.monotonic() - self._started >= _GROUP_S:
            return False
        cells = self.mapper.cells
        return cells < _GROUP_CELLS and self.mapper.rows <= _ROWS_PER_CELL * cells


class Worker:
    """Claims, maps and commits batches. Its id is new at each start, so that its claimed list starts empty."""

    def __init__(self, client: Client, blocking: Client, settings: Settings, stop: Stop) -> None:
        self.id = secrets.token_hex(6)
        self._client = client
        self._blocking = blocking
        self._settings = settings
        self._stop = stop
        self.heartbeat = Heartbeat(client, self.id, settings)
        self._registered = False
        self._next_item: NextItem = None
        self._need_check = Throttle(_ASK_S)
        self._memory_check = Throttle(_ASK_S)
        self._memory_short = False

    def register(self) -> None:
        """Warm up, then start the heartbeat: once, before the first claim."""
        if not self._registered:
            warm_up(self._settings.mapper)
            self.heartbeat.start()
            self._registered = True
            log.info("worker ready", worker=self.id)

    def round(self) -> None:
        """Claim the next item, map its batch, and commit it, often together with further batches of its plan.

        The next item is the one that the last commit returned; otherwise one left in the claimed list; otherwise one
        of the ready list, for which the round waits.
        """
        self.register()
        self.heartbeat.show_progress()
        item, self._next_item = self._next_item or self._find_item(), None
        claim = self._claim(item)
        if claim and not self._stop.requested:
            self._next_item = self._map_and_commit(claim)

    def leave(self) -> None:
        """Give back all claimed batches, then end the heartbeat."""
        if not self._registered:
            return
        try:
            for item in batches.claimed_items(self._client, self.id):
                batches.return_batch(self._client, self.id, item)
            self.heartbeat.end()
        except BrokerUnavailable as error:
            log.warning("claimed batches not given back; they will be reclaimed", error=str(error))

    def _find_item(self) -> BatchId | None:
        """An item that a lost reply or a failed mapping left in the claimed list; otherwise wait for a ready one."""
        for item in batches.claimed_items(self._client, self.id):
            log.info("claimed batch found", recovery="resumed", job=item.job, batch=item.batch)
            return item
        if self._is_short_of_memory():
            self._stop.wait(_FULL_PAUSE_S)
            return None
        return batches.wait_for_batch(self._blocking, self.id, self._settings.block_ms)

    def _claim(self, item: NextItem) -> Claim | None:
        """The claim of an item: made now, unless the item was claimed when it was handed out."""
        return batches.claim_batch(self._client, self.id, item) if isinstance(item, BatchId) else item

    def _map_and_commit(self, claim: Claim) -> NextItem:
        """Map a batch, map more to the same partial while the group wants more, and commit; return the next item."""
        group = _Group(claim, self._settings)
        while self._map(group, claim):
            next_claim = self._claim_for(group)
            if not next_claim:
                return self._commit(group, claim_next=True)
            if not group.accepts(next_claim):
                self._commit(group, claim_next=False)
                return next_claim
            claim = next_claim
        return None

    def _claim_for(self, group: _Group) -> Claim | None:
        """The claim of a ready batch; None if there is none, the group wants no more, or Redis has no room."""
        try:
            return self._claim(self._next_item_for(group))
        except BrokerFull as error:
            log.warning("next batch not claimed", error=str(error))
            return None

    def _next_item_for(self, group: _Group) -> NextItem:
        while group.wants_more and not self._stop.requested and not self._is_short_of_memory():
            item = batches.claim_next_batch(self._client, self.id, group.plan)
            # A batch of the group can come again: it was reaped before it was claimed, or Redis lost its last writes.
            if not (isinstance(item, Claim) and item.id in group.items):
                return item
        return None

    def _map(self, group: _Group, claim: Claim) -> bool:
        """Map a batch. If that fails, nothing of the group is committed; batches that still need doing are redone."""
        with structlog.contextvars.bound_contextvars(job=claim.id.job, batch=claim.id.batch):
            try:
                add_claim(group.mapper, claim, self._settings, lambda: self._check_needed(claim.id))
            except BatchDropped as error:
                log.info("batch dropped", reason=str(error))
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

    def _check_needed(self, item: BatchId) -> None:
        """Show progress, and raise BatchDropped if the batch no longer needs doing; called before each block."""
        self.heartbeat.show_progress()
        if self._need_check.is_due() and not batches.is_needed(self._client, item):
            raise BatchDropped("The job has ended or is being replanned, or the batch is done.")

    def _commit(self, group: _Group, *, claim_next: bool) -> NextItem:
        with structlog.contextvars.bound_contextvars(job=group.plan.job, batches=len(group.items)):
            try:
                partial = group.mapper.partial()
                check_size(partial.cube, self._settings.max_cells)
            except CubeError as error:
                self._fail(group.items[0], error)
                return None
            return self._write(group.items, partial, claim_next)

    def _write(self, items: list[BatchId], partial: Partial, claim_next: bool) -> NextItem:
        while True:
            may_claim = claim_next and not self._stop.requested and not self._is_short_of_memory()
            next_item: NextItem = None
            try:
                if may_claim:
                    counted, next_item = results.commit_and_claim_next(self._client, self.id, items, partial)
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
                return next_item

    def _fail(self, item: BatchId, error: Exception) -> None:
        """Fail the job at once: another attempt would end the same way."""
        batches.fail_batch(self._client, self.id, item, str(error))
        log.warning("job failed", error=str(error))

    def _is_short_of_memory(self) -> bool:
        if self._memory_check.is_due():
            self._memory_short = queues.memory_is_short(self._client)
        return self._memory_short
