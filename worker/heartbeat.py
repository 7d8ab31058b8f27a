"""The worker's heartbeat: the lease of everything it has claimed, renewed by its own thread."""

import os
import socket
import threading
import time
from contextvars import copy_context
from datetime import UTC, datetime

import structlog

from autoconnect.broker import workers
from autoconnect.broker.connection import Client
from autoconnect.errors import BrokerUnavailable
from autoconnect.memory import memory_limit

log: structlog.stdlib.BoundLogger = structlog.get_logger()


class Heartbeat:
    """Renews the lease while the main loop shows progress; a worker that hangs loses its batches."""

    def __init__(
        self, client: Client, worker: str, *, every_ms: int, lease_ms: int, stall_ms: int, has_memory: bool = True
    ) -> None:
        self._client = client
        self._worker = worker
        self._every_ms = every_ms
        self._lease_ms = lease_ms
        self._stall_ms = stall_ms
        self._last_progress = time.monotonic()
        self._ended = threading.Event()
        self._description: dict[str, str | int] = {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "started_at": datetime.now(UTC).isoformat(),
        }
        if has_memory:
            memory = memory_limit()
            self._description |= {"memory_bytes": memory.bytes, "memory_pool": memory.pool}
        self._thread = threading.Thread(target=copy_context().run, args=(self._beat,), name="heartbeat", daemon=True)

    def start(self) -> None:
        """Register the heartbeat and begin to renew it."""
        self._register()
        self._thread.start()

    def show_progress(self) -> None:
        """Record that the main loop is working; it must call this at least every STALL_MS."""
        self._last_progress = time.monotonic()

    def stop(self) -> None:
        """Stop renewing the lease."""
        self._ended.set()
        self._thread.join()

    def end(self) -> None:
        """Stop renewing the lease and remove the heartbeat from Redis."""
        self.stop()
        workers.leave(self._client, self._worker)

    def _register(self) -> None:
        workers.register_worker(self._client, self._worker, self._lease_ms, self._description)

    def _beat(self) -> None:
        while not self._ended.wait(self._every_ms / 1_000):
            if time.monotonic() - self._last_progress > self._stall_ms / 1_000:
                log.error("no progress; the lease is not renewed", stall_ms=self._stall_ms)
                continue
            try:
                if not workers.renew_lease(self._client, self._worker, self._lease_ms):
                    self._register()
                    log.warning("lease had ended; registered again", recovery="registered")
            except BrokerUnavailable as error:
                log.warning("lease not renewed", error=str(error))
