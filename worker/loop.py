"""The worker's loop: claim a batch, map it, and commit its partial, often together with further batches."""

import secrets
from collections.abc import Callable
from typing import Any

import structlog

from autoconnect.broker import batches, limits, partials, plans, server, waits
from autoconnect.broker.batches import Claim
from autoconnect.broker.connection import Client
from autoconnect.broker.keys import BatchId
from autoconnect.core.cube import check_size
from autoconnect.core.layout import Layout
from autoconnect.core.partial import Partial
from autoconnect.core.plan import MappableBatch
from autoconnect.errors import (
    AutoConnectError,
    BatchDropped,
    BrokerFull,
    BrokerUnavailable,
    CubeError,
    RecordCrossesBatch,
    SourceChanged,
    SourceNotFound,
    Unavailable,
)
from autoconnect.mapping import add_batch, make_mapper, warm_up
from autoconnect.service import Stop, Throttle
from autoconnect.settings import Settings
from autoconnect.sources.local import Folders
from worker.group import Group, GroupPolicy, MappedSoFar
from worker.heartbeat import Heartbeat

log: structlog.stdlib.BoundLogger = structlog.get_logger()

#: Seconds between attempts while Redis is short of memory.
_FULL_PAUSE_S = 0.5
#: Seconds between checks, while batches are mapped, that a batch is still needed and that Redis has memory.
_CHECK_S = 0.5
#: Seconds between counts of the cells, which take up to 2 ms: in that time, a worker adds some 50,000 models.
_COUNT_S = 0.1


class Worker:
    """Claims, maps and commits batches. Its id is new at each start, so that its claimed list starts empty.

    It says how much memory its process has, unless another worker of the process does.
    """

    def __init__(
        self,
        client: Client,
        blocking: Client,
        settings: Settings,
        stop: Stop,
        policy: GroupPolicy | None = None,
        *,
        has_memory: bool = True,
    ) -> None:
        self.id = secrets.token_hex(6)
        self._client = client
        self._blocking = blocking
        self._settings = settings
        self._folders = Folders(settings.upload_dir, settings.data_dir, has_ctime=settings.has_source_ctime)
        self._stop = stop
        self._policy = policy or GroupPolicy()
        self.heartbeat = Heartbeat(
            client,
            self.id,
            every_ms=settings.heartbeat_ms,
            lease_ms=settings.lease_ms,
            stall_ms=settings.stall_ms,
            has_memory=has_memory,
        )
        self._registered = False
        self._next: Claim | None = None
        self._need_check = Throttle(_CHECK_S)
        self._memory_check = Throttle(_CHECK_S)
        self._needs = waits.Needs(client)
        self._cells_check = Throttle(_COUNT_S)
        self._most_cells = 0
        self._memory_short = False

    def register(self) -> None:
        """Warm up and start the heartbeat, once: both come before the first claim."""
        if not self._registered:
            self.warm_up()
            self.heartbeat.start()
            self._registered = True
            log.info("worker ready", worker=self.id)
        if not self._most_cells:
            self._most_cells = limits.max_cells(self._client, self._settings.max_cells)

    def round(self) -> None:
        """Claim a batch, map it together with further ready ones of its plan, and commit them."""
        self.register()
        self.heartbeat.show_progress()
        try:
            claim, self._next = self._next or self._claim(), None
            group = self._map(claim) if claim and not self._stop.requested else None
            if group:
                self._commit(group)
        except Unavailable:
            self._next = None  # others may have it by the time Redis or the cluster is back; the claimed list knows
            raise

    def warm_up(self) -> None:
        """Get ready to map."""
        warm_up(self._settings.mapper)

    def make_mapper(self, layout: Layout) -> MappedSoFar:
        """What the batches of a group are mapped to."""
        return make_mapper(self._settings.mapper, layout)

    def add_batch(self, mapper: Any, batch: MappableBatch, before_block: Callable[[], None]) -> None:
        """Map one batch to what `make_mapper` has made; `before_block` runs regularly meanwhile."""
        add_batch(mapper, batch, self._folders, before_block)

    def leave(self) -> None:
        """Give back all claimed batches, then end the heartbeat."""
        if not self._registered:
            return
        try:
            for item in batches.claimed_items(self._client, self.id):
                batches.give_back_batch(self._client, self.id, item)
            self.heartbeat.end()
        except BrokerUnavailable as error:
            log.warning("claimed batches not given back; they will be reclaimed", error=str(error))

    def _claim(self) -> Claim | None:
        """Claim a batch that a lost reply or a failed mapping left in the claimed list, or wait for a ready one."""
        for item in batches.claimed_items(self._client, self.id):
            log.info("claimed batch found", recovery="resumed", job=item.job, batch=item.batch)
            return batches.claim_batch(self._client, self.id, item)
        if self._is_short_of_memory():
            self._stop.wait(_FULL_PAUSE_S)
            return None
        ready_item = batches.wait_for_batch(self._blocking, self.id, self._settings.block_ms)
        return batches.claim_batch(self._client, self.id, ready_item) if ready_item else None

    def _map(self, first: Claim) -> Group | None:
        """Map a batch, and further ones to the same partial while their group wants more.

        None if mapping one of them failed: nothing is committed, and the batches to map again stay in the claimed list.
        """
        group = Group(first, self.make_mapper(first.batch.part.layout), self._policy)
        claim: Claim | None = first
        while claim:
            if not self._map_into(group, claim):
                return None
            claim = self._claim_for(group)
        return group

    def _map_into(self, group: Group, claim: Claim) -> bool:
        """Map a batch to the partial of a group; False if that failed."""
        with structlog.contextvars.bound_contextvars(job=claim.id.job, batch=claim.id.batch):
            try:
                self.add_batch(group.mapper, claim.batch, lambda: self._before_block(group, claim.id))
            except BatchDropped as error:
                log.info("batch dropped", reason=str(error))
            except RecordCrossesBatch as error:
                plans.replan_job(self._client, self.id, claim.id)
                log.warning("job goes back to planning", error=str(error))
            except (SourceChanged, SourceNotFound, CubeError) as error:  # another attempt would end the same way
                batches.fail_batch(self._client, self.id, claim.id, str(error))
            except Unavailable:
                raise
            except Exception as error:
                log.exception("batch failed")
                reason = str(error) if isinstance(error, AutoConnectError) else f"{type(error).__name__}: {error}"
                batches.give_back_batch(self._client, self.id, claim.id, self._settings.max_attempts, reason)
            else:
                group.items.append(claim.id)
                return True
        return False

    def _claim_for(self, group: Group) -> Claim | None:
        """Claim a ready batch for a group, if it wants more; a batch that the group does not accept is mapped next."""
        try:
            while group.wants_more and not self._stop.requested and not self._is_short_of_memory():
                claim = batches.claim_next_batch(self._client, self.id, group.first.id)
                if claim and claim.id in group.items:
                    continue  # it was reaped before it was claimed, or Redis lost its last writes
                if claim and not group.accepts(claim):
                    self._next, claim = claim, None
                return claim
        except BrokerFull as error:
            log.warning("next batch not claimed", error=str(error))
        return None

    def _before_block(self, group: Group, item: BatchId) -> None:
        """Show progress; raise BatchDropped if the batch no longer needs doing, CubeError if it has too many cells."""
        self.heartbeat.show_progress()
        if self._need_check.is_due() and not batches.is_needed(self._client, item):
            raise BatchDropped("The job has ended or is replanned, or the batch is done.")
        if self._cells_check.is_due() and group.mapper.cells > self._max_cells(group):
            check_size(group.mapper.partial().cube, self._max_cells(group))

    def _max_cells(self, group: Group) -> int:
        """The limit of the job's cells: that of its plan, or less if this worker was not known then."""
        return min(group.first.max_cells or self._most_cells, self._most_cells)

    def _commit(self, group: Group) -> None:
        with structlog.contextvars.bound_contextvars(job=group.first.id.job, batches=len(group.items)):
            try:
                partial = group.mapper.partial()
                check_size(partial.cube, self._max_cells(group))
            except CubeError as error:
                batches.fail_batch(self._client, self.id, group.items[0], str(error))
                return
            while not self._write(group.items, partial):
                self.heartbeat.show_progress()
                self._stop.wait(_FULL_PAUSE_S)
                if self._stop.requested or not batches.is_needed(self._client, group.items[0]):
                    return  # claimed batches are given back, or claimed once more and dropped
            self._needs.end(group.first.id.job)

    def _write(self, items: list[BatchId], partial: Partial) -> bool:
        """Commit a partial, and claim the next batch unless there is one already; False if Redis has no room."""
        may_claim = not (self._next or self._stop.requested or self._is_short_of_memory())
        try:
            if may_claim:
                counts, self._next = partials.commit_and_claim_next(self._client, self.id, items, partial)
            else:
                counts = partials.commit_batches(self._client, self.id, items, partial)
        except BrokerFull as error:
            log.warning("commit waits", error=str(error))
            self._needs.report(items[0].job, error)
            return False
        if counts:
            log.debug("committed", rows=partial.rows_read)
        else:
            log.info("commit discarded", recovery="discarded", rows=partial.rows_read)
        return True

    def _is_short_of_memory(self) -> bool:
        if self._memory_check.is_due():
            self._memory_short = not server.read_memory(self._client).may_claim
        return self._memory_short
