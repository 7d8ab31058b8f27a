"""Workers whose batches a Dask cluster maps: each claims batches, has tasks map them, and commits their partial.

The batches of a group are a chain of tasks. Each task maps its batch, and adds it to the partial of the task before.
The partial stays in the cluster until the group is complete. If a worker of the cluster dies, Dask runs the chain
again. If the scheduler is lost, the batches stay claimed until it is back, and are then mapped anew.
"""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextvars import copy_context
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from autoconnect.broker.connection import BlockingClient, Client, connect
from autoconnect.core.layout import Layout
from autoconnect.core.partial import Partial, merge_partials
from autoconnect.core.plan import MappableBatch
from autoconnect.errors import ClusterUnavailable, CubeError, Unavailable
from autoconnect.mapping import MapperName, add_batch, make_mapper
from autoconnect.service import Stop, repeat
from autoconnect.settings import Settings
from autoconnect.sources.local import Folders
from worker.cluster import Cluster
from worker.loop import Worker

log: structlog.stdlib.BoundLogger = structlog.get_logger()

#: Workers for each thread of the cluster: while one commits, the other's task runs.
PER_THREAD = 2


def serve_cluster(settings: Settings, stop: Stop) -> None:
    """Have a cluster map batches until asked to stop, then give back those that are not committed."""
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # it logs lost connections at length
    url, count = settings.needed_redis_url(), PER_THREAD * settings.workers
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
        return _Chain(self._cluster, self._before_commit)

    def add_batch(self, mapper: "_Chain", batch: MappableBatch, before_block: Callable[[], None]) -> None:
        def before_check() -> None:
            self._end_if_asked()
            before_block()

        mapper.add(batch, self._folders, self._settings.mapper, before_check)

    def _before_commit(self) -> None:
        self._end_if_asked()
        self.heartbeat.show_progress()

    def _end_if_asked(self) -> None:
        """Do not wait for a cluster that may never answer: what is claimed is given back."""
        if self._stop.requested:
            raise ClusterUnavailable("The worker ends before the cluster has answered.")


class _Chain:
    """Tasks that map the batches of a group, and the size of the partial that the last of them has made."""

    def __init__(self, cluster: Cluster, before_commit: Callable[[], None]) -> None:
        self._cluster = cluster
        self._before_commit = before_commit
        self._client: Any = None
        self._partial: Any = None
        self.rows = self.cells = 0

    def add(self, batch: MappableBatch, folders: Folders, mapper: MapperName, before_check: Callable[[], None]) -> None:
        if self._client is None:
            self._client = self._cluster.client()
        longer = self._cluster.submit(self._client, _add, self._partial, batch, folders, mapper)
        sizes = self._cluster.submit(self._client, _sizes, longer)
        self.rows, self.cells = self._cluster.result(sizes, before_check)
        self._partial = longer

    def partial(self) -> Partial:
        try:
            partial: Partial = self._cluster.result(self._partial, self._before_commit)
        except (Unavailable, CubeError):
            raise
        except Exception:
            log.exception("partial lost")  # its chain ran again; mapping it anew counts a cause that stays
            raise ClusterUnavailable("A partial is lost, and its batches are mapped anew.") from None
        return partial


def _add(before: Partial | None, batch: MappableBatch, folders: Folders, mapper_name: MapperName) -> Partial:
    """In the cluster: map a batch, and add it to the partial of those before it."""
    mapper = make_mapper(mapper_name, batch.part.layout)
    add_batch(mapper, batch, folders)
    return merge_partials([before, mapper.partial()]) if before else mapper.partial()


def _sizes(partial: Partial) -> tuple[int, int]:
    """In the cluster: the rows and cells of a partial."""
    return partial.rows_accepted, len(partial.cube)
