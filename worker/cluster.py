"""A connection to a Dask cluster that many threads share, and that outlives the loss of its scheduler."""

import logging
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import Any, NoReturn

import distributed
import structlog
from distributed.client import ClosedClientError
from distributed.utils import LoopRunner

from autoconnect.errors import AutoConnectError, ClusterUnavailable
from autoconnect.settings import PREFIX, Settings

log: structlog.stdlib.BoundLogger = structlog.get_logger()

#: Seconds to reach the scheduler, and for its answers.
CONNECT_S = 3
#: Seconds after a failed attempt to connect in which no other one is made.
_FAILED_S = 1
#: Seconds for a result to come from the cluster before it is asked for again.
_RESULT_S = 10
#: Seconds for a client, and for a cluster of this machine, to close.
_CLOSE_S, _END_S = 2, 6
#: Seconds between checks while a task runs: that it is still wanted, and that the cluster has workers.
_CHECK_S = 0.5
#: What a client raises while it closes, or once it has lost its scheduler.
_LOSSES = (
    *(OSError, RuntimeError, CancelledError, ClosedClientError),
    *(AssertionError, AttributeError, LookupError, NameError),
)


class Cluster:
    """The cluster of DASK_SCHEDULER or, by default, one of processes on this machine. Threads may share it.

    A client that has lost its scheduler has lost its tasks, too. It is dropped, and the next call connects again.
    """

    def __init__(self, settings: Settings) -> None:
        self._address = settings.dask_scheduler
        self._processes = settings.workers
        self._own: Any = None
        self._client: Any = None
        self._lock = threading.Lock()
        self._failed_at = float("-inf")
        self._loop = LoopRunner(loop=None, asynchronous=False)  # one thread for all clients, which would each leave one

    def __enter__(self) -> "Cluster":
        if not self._address:
            sizes = {"n_workers": self._processes, "threads_per_worker": 1, "processes": True}
            try:
                self._own = distributed.LocalCluster(**sizes, dashboard_address=None, silence_logs=logging.CRITICAL)
            except RuntimeError as error:  # such as a process that takes too long to start
                raise AutoConnectError(
                    f"Dask cannot start {self._processes} workers on this machine: {error}"
                ) from None
        self._loop.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._client:
            _close(self._client, _CLOSE_S)
        if self._own:
            _close(self._own, _END_S)
        self._loop.stop()

    def client(self) -> Any:
        """The client that is connected; raises ClusterUnavailable if there is none, and none can be."""
        with self._lock:
            if self._client is not None and self._client.status == "closed":  # it gave up reaching the scheduler
                self._client = None
            if self._client is None:
                self._client = self._connect()
            return self._client

    def submit(self, client: Any, function: Callable[..., Any], *arguments: object) -> Any:
        """The future of a call in the cluster; arguments may be futures of the same client."""
        try:
            return client.submit(function, *arguments, pure=False)
        except _LOSSES as error:
            self._lose(client, error)

    def result(self, future: Any, before_check: Callable[[], None]) -> Any:
        """The result of a future; `before_check` runs every `_CHECK_S` seconds, and may raise to give it up.

        Raises what the call has raised, and ClusterUnavailable if the cluster is lost, or has no workers.
        """
        try:
            while True:
                self._wait(future, before_check)
                if future.status == "error":
                    raise _reason(future.exception(timeout=_RESULT_S))
                try:
                    return future.result(timeout=_RESULT_S)
                except TimeoutError:  # it has been lost with a worker, and is computed again, or comes slowly
                    continue
                except (OSError, CancelledError) as error:
                    self._lose(future.client, error)
        except BaseException:
            future.release()
            raise

    def _wait(self, future: Any, before_check: Callable[[], None]) -> None:
        is_done = threading.Event()
        future.add_done_callback(lambda _: is_done.set())
        before_check()
        while not is_done.wait(_CHECK_S):
            before_check()
            try:
                found = future.client.sync(future.client.scheduler.identity, n_workers=1, callback_timeout=CONNECT_S)
            except _LOSSES as error:
                self._lose(future.client, error)
            if not found["workers"]:
                raise self._unavailable("has no workers")

    def _connect(self) -> Any:
        """Connect; those who waited for a failed attempt fail, too, without an attempt of their own."""
        if time.monotonic() < self._failed_at + _FAILED_S:
            raise self._unavailable("does not answer")
        try:
            if self._address:
                host, port = distributed.comm.addressing.get_address_host_port(self._address)
                socket.create_connection((host, port), CONNECT_S).close()  # a client would retry all the time
            client = distributed.Client(
                self._own or self._address, timeout=CONNECT_S, set_as_default=False, loop=self._loop.loop
            )
        except _LOSSES as error:
            self._failed_at = time.monotonic()
            raise self._unavailable(f"does not answer: {_text(error)}") from None
        log.info("cluster reached", scheduler=client.scheduler.address)
        return client

    def _lose(self, client: Any, error: BaseException) -> NoReturn:
        """Drop a client, so that the next call connects again."""
        with self._lock:
            if self._client is client:
                self._client = None
                _close(client, _CLOSE_S)
        raise self._unavailable(f"is lost: {_text(error)}") from None

    def _unavailable(self, what: str) -> ClusterUnavailable:
        where = f"at {self._address} ({PREFIX}DASK_SCHEDULER)" if self._address else "on this machine"
        return ClusterUnavailable(f"The Dask cluster {where} {what}; claimed batches wait until it is back.")


def _reason(error: Any) -> BaseException:
    """What a call has raised, or why Dask gave it up."""
    if not isinstance(error, distributed.scheduler.KilledWorker):
        raised: BaseException = error
        return raised
    return AutoConnectError(
        f"Dask gave up a batch, because {error.allowed_failures + 1} of its workers died while they mapped it; their "
        "logs say why."
    )


def _text(error: BaseException) -> str:
    return str(error) or type(error).__name__


def _close(each: Any, timeout_s: int) -> None:
    """Close a client or a cluster, which may fail if its other side is gone."""
    try:
        each.close(timeout=timeout_s)
    except _LOSSES as error:
        log.warning("not closed in time", error=_text(error))
