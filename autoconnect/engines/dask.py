"""The engine `dask`: batches are tasks of a Dask cluster, which also adds up their partials, as a tree.

The cluster is that of DASK_SCHEDULER, whose workers must see the file under the same path, or else one of processes on
this machine. Dask repeats the tasks of a worker that dies; if its scheduler dies, the run fails.
"""

import logging
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from functools import partial
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

from autoconnect.client import Watcher
from autoconnect.core.dialect import DialectOptions
from autoconnect.core.partial import Partial, merge_partials
from autoconnect.engines.base import Ended
from autoconnect.engines.mapped import ToMap, run_mapped
from autoconnect.errors import AutoConnectError
from autoconnect.mapping import map_batches
from autoconnect.settings import PREFIX, Settings

#: Partials that one task adds up.
_FAN_IN = 8
#: Seconds to reach the scheduler.
_CONNECT_S = 10


def run(file: Path, settings: Settings, dialect: DialectOptions, watch: Watcher) -> Ended:
    """Run a job on a Dask cluster.

    Raises AutoConnectError if Dask is not installed, if its scheduler cannot be reached or is lost, or if too many
    of its workers die.
    """
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # it logs lost connections at length
    with _client(settings) as client:
        return run_mapped(file, settings, dialect, watch, partial(_map, client))


@contextmanager
def _client(settings: Settings) -> Iterator[Any]:
    """A client of the cluster; a cluster on this machine lives as long as its client."""
    try:
        import distributed  # the import takes a second
    except ImportError:
        raise AutoConnectError(
            "The engine dask needs the package distributed, which is not installed: install it with "
            "`pip install 'dask[distributed]'`, or choose another engine."
        ) from None
    scheduler = settings.dask_scheduler
    try:
        with _cluster(distributed, settings) as address, distributed.Client(address, timeout=_CONNECT_S) as client:
            yield client
    except (OSError, CancelledError) as error:
        where = f"at {scheduler} ({PREFIX}DASK_SCHEDULER) " if scheduler else ""
        raise AutoConnectError(f"The Dask scheduler {where}does not answer: {error}; start it and run again.") from None
    except distributed.KilledWorker as error:
        raise AutoConnectError(
            f"Dask gave up a batch, because {error.allowed_failures + 1} of its workers died while they mapped it; see "
            f"their logs. Smaller batches ({PREFIX}BATCH_BYTES) need less memory."
        ) from None


@contextmanager
def _cluster(distributed: Any, settings: Settings) -> Iterator[Any]:
    """The address of the scheduler in the settings, or else a new cluster on this machine."""
    if settings.dask_scheduler:
        yield settings.dask_scheduler
        return
    sizes = {"n_workers": settings.workers, "threads_per_worker": 1, "processes": True}
    try:
        with _interrupts_blocked():
            cluster = distributed.LocalCluster(**sizes, dashboard_address="127.0.0.1:0", silence_logs=logging.CRITICAL)
    except RuntimeError as error:  # such as a worker that takes too long to start
        raise AutoConnectError(f"Dask cannot start {settings.workers} workers on this machine: {error}") from None
    with cluster:
        yield cluster


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Block Ctrl-C in threads that start now and in their processes: only this process gets it, and ends them."""
    resource_tracker.ensure_running()  # it would start with the first process, and unblock SIGINT there
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _map(client: Any, to_map: ToMap) -> Partial:
    from distributed import as_completed

    if not to_map.plan.batches:
        return Partial()
    plan = client.scatter(to_map.plan, broadcast=True, hash=False)
    submit = partial(client.submit, pure=False)
    ranges = {
        submit(map_batches, plan, [number], to_map.folders, to_map.mapper): batch.range
        for number, batch in enumerate(to_map.plan.batches)
    }
    try:
        for future in as_completed(ranges):
            if future.status != "finished":
                future.result()  # raises the error that ended the task
            to_map.has_mapped(ranges[future])
        total: Partial = _sum(submit, list(ranges), to_map.max_cells).result()
        return total
    finally:
        client.cancel(list(ranges))


def _sum(submit: Any, futures: Sequence[Any], max_cells: int) -> Any:
    """The future of the sum of partials, which the cluster adds up."""
    while len(futures) > 1:
        groups = [futures[start : start + _FAN_IN] for start in range(0, len(futures), _FAN_IN)]
        futures = [submit(merge_partials, group, max_cells) for group in groups]
    return futures[0]
