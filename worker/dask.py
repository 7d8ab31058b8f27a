"""Workers whose batches a Dask cluster maps: each claims batches, has tasks map them, and commits their partial.

The batches of a group become a chain of tasks, each of which adds its batch to the partial of the one before. The
partial stays in the cluster until the group is complete. If a worker of the cluster dies, Dask runs the chain again; if
the scheduler is lost, the batches stay claimed until it is back, and are then mapped anew.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed
from contextvars import copy_context
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import distributed
import structlog

from autoconnect.broker.connection import BlockingClient, Client, connect
from autoconnect.core.layout import Layout
from autoconnect.core.partial import Partial, merge_partials
from autoconnect.core.plan import MappableBatch
from autoconnect.errors import AutoConnectError, BatchDropped, ClusterUnavailable
from autoconnect.mapping import MapperName, add_batch, make_mapper
from autoconnect.service import Stop, repeat
from autoconnect.settings import PREFIX, Settings
from autoconnect.sources.local import Folders
from worker.loop import Worker

log: structlog.stdlib.BoundLogger = structlog.get_logger()

#: Workers for each thread of the cluster: while one commits, the other's task runs.
_PER_THREAD = 2
#: Seconds to reach the scheduler.
_CONNECT_S = 5
#: Seconds for a partial, and for its sizes, to come from the cluster, and for a client to close.
_PARTIAL_S, _SIZES_S, _CLOSE_S = 30, 3, 1
#: Seconds between checks while a task runs: that its batch is still needed, and that the cluster has workers.
_CHECK_S = 0.5


def serve_cluster(settings: Settings, stop: Stop) -> None:
    """Have a cluster map batches until asked to stop, then give back those that are not committed."""
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # it logs lost connections at length
    url, count = settings.needed_redis_url(), _PER_THREAD * settings.workers
    client, cluster = connect(url), Cluster(settings)
    blocking = [BlockingClient(url, settings.block_ms) for _ in range(count)]

    def wake() -> None:
        for each in blocking:
            each.interrupt()

    stop.wake = wake
    stop.listen()
    # One of them says how much memory this process has.
    workers = [
        DaskWorker(client, each, settings, stop, cluster, has_memory=not number) for number, each in enumerate(blocking)
    ]
    with cluster, ThreadPoolExecutor(count) as threads:
        try:
            serve = partial(_serve, stop=stop, health_file=settings.health_file)
            for ended in as_completed([threads.submit(copy_context().run, serve, each) for each in workers]):
                ended.result()
        finally:
            stop.request()


def _serve(worker: "DaskWorker", stop: Stop, health_file: Path | None) -> None:
    repeat(worker.round, stop, health_file)
    worker.leave()


class Cluster:
    """The cluster of DASK_SCHEDULER or, by default, one of processes on this machine. Threads may share it."""

    def __init__(self, settings: Settings) -> None:
        self._address = settings.dask_scheduler
        self._processes = settings.workers
        self._own: Any = None
        self._client: Any = None
        self._lock = threading.Lock()

    def __enter__(self) -> "Cluster":
        if not self._address:
            sizes = {"n_workers": self._processes, "threads_per_worker": 1, "processes": True}
            self._own = distributed.LocalCluster(**sizes, dashboard_address=None, silence_logs=logging.CRITICAL)
        return self

    def __exit__(self, *_: object) -> None:
        for each in filter(None, (self._client, self._own)):
            each.close()

    def submit(self, function: Callable[..., Any], *arguments: object) -> Any:
        """The future of a call in the cluster; arguments may be futures. Raises ClusterUnavailable."""
        client = self._connected()
        try:
            return client.submit(function, *arguments, pure=False)
        except (OSError, CancelledError, RuntimeError) as error:  # RuntimeError: another thread has closed the client
            self._lose(client, str(error))

    def result(self, future: Any, timeout_s: int, before_check: Callable[[], None]) -> Any:
        """The result of a future; once the future is done, its result has `timeout_s` seconds to arrive.

        `before_check` runs every `_CHECK_S` seconds, and may raise to give it up.

        Raises what the call has raised, and ClusterUnavailable if the cluster is lost, or has no workers.
        """
        is_done = threading.Event()
        future.add_done_callback(lambda _: is_done.set())
        before_check()
        while not is_done.wait(_CHECK_S):
            before_check()
            self._check_workers(future.client)
        if future.status == "error":
            reason = future.exception()
            raise _given_up(reason) if isinstance(reason, distributed.scheduler.KilledWorker) else reason
        try:
            return future.result(timeout=timeout_s)
        except (OSError, CancelledError) as error:
            self._lose(future.client, str(error))

    def _connected(self) -> Any:
        with self._lock:
            if self._client is None:
                address = self._own or self._address
                try:
                    self._client = distributed.Client(address, timeout=_CONNECT_S, set_as_default=False)
                except OSError as error:
                    raise self._unavailable(f"does not answer: {error}") from None
                log.info("cluster reached", scheduler=self._client.scheduler.address)
            return self._client

    def _check_workers(self, client: Any) -> None:
        try:
            has_workers = bool(client.scheduler_info(n_workers=1)["workers"])
        except (OSError, CancelledError, RuntimeError) as error:
            self._lose(client, str(error))
        if not has_workers:
            raise self._unavailable("has no workers")

    def _lose(self, client: Any, reason: str) -> NoReturn:
        """Drop a client, so that the next call connects again: it has lost its tasks with the scheduler."""
        with self._lock:
            if self._client is client:
                self._client = None
                client.close(timeout=_CLOSE_S)
        raise self._unavailable(f"is lost: {reason}") from None

    def _unavailable(self, what: str) -> ClusterUnavailable:
        where = f"at {self._address} ({PREFIX}DASK_SCHEDULER)" if self._address else "on this machine"
        return ClusterUnavailable(f"The Dask cluster {where} {what}; claimed batches wait until it is back.")


class DaskWorker(Worker):
    """A worker whose batches a cluster maps."""

    def __init__(
        self,
        client: Client,
        blocking: BlockingClient,
        settings: Settings,
        stop: Stop,
        cluster: Cluster,
        *,
        has_memory: bool,
    ) -> None:
        super().__init__(client, blocking, settings, stop, has_memory=has_memory)
        self._cluster = cluster

    def warm_up(self) -> None:
        """Nothing: this process maps nothing."""

    def make_mapper(self, _: Layout) -> "_Chain":
        return _Chain(self._cluster, self.heartbeat.show_progress)

    def add_batch(self, mapper: "_Chain", batch: MappableBatch, before_block: Callable[[], None]) -> None:
        def before_check() -> None:
            if self._stop.requested:  # the cluster may never answer
                raise BatchDropped("The worker ends, and gives the batch back.")
            before_block()

        mapper.add(batch, self._folders, self._settings.mapper, before_check)


class _Chain:
    """Tasks that map the batches of a group, and the size of the partial that the last of them has made."""

    def __init__(self, cluster: Cluster, show_progress: Callable[[], None]) -> None:
        self._cluster = cluster
        self._show_progress = show_progress
        self._partial: Any = None
        self.rows = self.cells = 0

    def add(self, batch: MappableBatch, folders: Folders, mapper: MapperName, before_check: Callable[[], None]) -> None:
        longer = self._cluster.submit(_add, self._partial, batch, folders, mapper)
        sizes = self._cluster.submit(_sizes, longer)
        self.rows, self.cells = self._cluster.result(sizes, _SIZES_S, before_check)
        self._partial = longer

    def partial(self) -> Partial:
        partial: Partial = self._cluster.result(self._partial, _PARTIAL_S, self._show_progress)
        return partial


def _add(before: Partial | None, batch: MappableBatch, folders: Folders, mapper_name: MapperName) -> Partial:
    """In the cluster: map a batch, and add it to the partial of those before it."""
    mapper = make_mapper(mapper_name, batch.part.layout)
    add_batch(mapper, batch, folders)
    return merge_partials([before, mapper.partial()]) if before else mapper.partial()


def _sizes(partial: Partial) -> tuple[int, int]:
    """In the cluster: the rows and cells of a partial."""
    return partial.rows_accepted, len(partial.cube)


def _given_up(error: Any) -> AutoConnectError:
    return AutoConnectError(
        f"Dask gave up a batch, because {error.allowed_failures + 1} of its workers died while they mapped it; their "
        "logs say why."
    )
