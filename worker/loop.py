"""The worker's loop: claim a batch, read it, map it, commit its partial."""

import secrets

import structlog

from autoconnect.broker import batches, queues, results
from autoconnect.broker.batches import Claim
from autoconnect.broker.connection import Client
from autoconnect.broker.keys import BatchId
from autoconnect.core.cube import check_size
from autoconnect.core.mapper import map_batch
from autoconnect.core.partial import Partial
from autoconnect.errors import BrokerFull, BrokerUnavailable, CubeError, RecordCrossesBatch, SourceChanged
from autoconnect.service import Stop
from autoconnect.settings import Settings
from autoconnect.sources import open_source, unpack_lines
from worker.heartbeat import Heartbeat

log: structlog.stdlib.BoundLogger = structlog.get_logger()

#: While Redis has no room for what is to be written, it is asked again so often.
_FULL_PAUSE_S = 0.5


class Worker:
    """Its id is new at each start, so that its claimed list holds nothing but what lost replies have left there."""

    def __init__(self, client: Client, blocking: Client, settings: Settings, stop: Stop) -> None:
        self.id = secrets.token_hex(6)
        self._client = client
        self._blocking = blocking
        self._settings = settings
        self._stop = stop
        self.heartbeat = Heartbeat(client, self.id, settings)
        self._registered = False

    def register(self) -> None:
        """Announces the worker, once: its heartbeat is there before its first claim."""
        if not self._registered:
            self.heartbeat.start()
            self._registered = True
            log.info("worker ready", worker=self.id)

    def round(self) -> None:
        """Maps what is in the claimed list; else waits for a batch and maps that."""
        self.register()
        self.heartbeat.show_progress()
        items = batches.claimed_items(self._client, self.id) or self._await()
        for item in items:
            self._work(item)

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
        if queues.memory_is_short(self._client):
            self._stop.wait(_FULL_PAUSE_S)
            return []
        item = batches.await_batch(self._blocking, self.id, self._settings.block_ms)
        return [item] if item else []

    def _work(self, item: BatchId) -> None:
        with structlog.contextvars.bound_contextvars(job=item.job, batch=item.batch):
            claim = None if self._stop.requested else batches.claim_batch(self._client, self.id, item)
            if claim is None:
                return
            try:
                partial = map_claim(claim, self._settings)
            except RecordCrossesBatch as error:
                batches.replan_job(self._client, self.id, item)
                log.warning("job goes back to planning", error=str(error))
            except (SourceChanged, CubeError) as error:
                # Another attempt would end alike.
                batches.fail_batch(self._client, self.id, item, str(error))
                log.warning("job failed", error=str(error))
            except Exception as error:
                log.exception("batch failed")
                reason = f"{type(error).__name__}: {error}"
                batches.return_batch(self._client, self.id, item, self._settings.max_attempts, reason)
            else:
                self._commit(item, partial)

    def _commit(self, item: BatchId, partial: Partial) -> None:
        while True:
            try:
                counted = results.commit_batch(self._client, self.id, item, partial)
            except BrokerFull as error:
                log.warning("commit waits", error=str(error))
                self.heartbeat.show_progress()
                self._stop.wait(_FULL_PAUSE_S)
                if self._stop.requested:
                    return
            else:
                log.debug("batch committed" if counted else "commit discarded", rows=partial.rows_read)
                return


def map_claim(claim: Claim, settings: Settings) -> Partial:
    """The partial of a claimed batch.

    Raises SourceError where the source cannot be read as planned, and CubeError where the cube can't hold the batch.
    """
    if claim.lines is not None:
        data, ahead = unpack_lines(claim.lines)
    else:
        with open_source(claim.source, claim.version, settings) as file:
            data, ahead = file.read_batch(claim.range)
    partial = map_batch(data, ahead, claim.layout, claim.id.batch)
    check_size(partial.cube, settings.max_cells)
    return partial
