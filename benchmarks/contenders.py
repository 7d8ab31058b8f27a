"""Runs the queues that are compared: AutoConnect's with empty batches, which are never merged; others with empty tasks.

Each queue has its own server and its own worker processes, which have already done some tasks. A signal stops the
workers while the queue is filled. The clock runs from the moment they continue until no task remains: the last commit
or acknowledgement.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from autoconnect.broker import jobs, plans, workers
from autoconnect.broker.connection import Client, connect
from autoconnect.broker.keys import JobKeys
from autoconnect.core.plan import Part, Plan, PlannedBatch
from autoconnect.core.sniffer import sniff_bytes
from autoconnect.core.splits import ByteRange
from autoconnect.errors import AutoConnectError
from autoconnect.local.supervisor import launch
from autoconnect.local.temporary import temporary_folder
from autoconnect.settings import PREFIX
from autoconnect.sources.local import Source
from benchmarks import queues
from benchmarks.server import running_server

WORKERS = 3
#: The base of all ratios: for each batch, one script commits it and hands out the next one.
AUTOCONNECT = "AutoConnect, one batch per commit"
#: AutoConnect as it runs in a job whose batches have few rows or none.
AUTOCONNECT_GROUPED = "AutoConnect, many batches per commit"
#: The Python of the other queues, installed by `make bench`: their packages conflict with AutoConnect's.
PYTHON = Path(__file__).resolve().parents[1] / ".venv" / "queues" / "bin" / "python"
_PINS = Path(queues.__file__).with_name("requirements.txt")
_COMPARED = ("arq", "dramatiq", "rq", "redis")

_SOURCE = b"id,date,city,type,model,price\n"
_WARM_UP_TASKS = 300
_UP_TIMEOUT_S = 30.0
_TASKS_TIMEOUT_S = 120.0
_RESULT_TTL_S = 60
#: Seconds between checks of the remaining tasks.
_POLL_S = 0.005


@dataclass(frozen=True)
class Queue:
    """A running queue whose workers are the processes `pids`."""

    pids: Sequence[int]
    enqueue: Callable[[int], None]
    remaining: Callable[[], int]


def contenders() -> dict[str, Callable[[], AbstractContextManager[Queue]]]:
    """All compared queues: title to a context manager that runs the queue."""
    peers = {
        title: partial(_peer, name, options)
        for name in queues.names()
        for title, options in queues.load(name).TITLES.items()
    }
    ours = {AUTOCONNECT: partial(_autoconnect, grouped=False), AUTOCONNECT_GROUPED: partial(_autoconnect, grouped=True)}
    return {**ours, **peers}


def peer_versions() -> str:
    """The versions of the other queues and of the Redis client that they all use, on one line."""
    pins = [line.split("==") for line in _PINS.read_text().splitlines() if "==" in line]
    return ", ".join(f"{name} {version}" for name, version in pins if name in _COMPARED)


def tasks_per_second(running_queue: Callable[[], AbstractContextManager[Queue]], tasks: int) -> float:
    """Start a queue with its workers, warm it up and measure it."""
    with running_queue() as queue:
        _run(queue, _WARM_UP_TASKS)
        return tasks / _run(queue, tasks)


def _run(queue: Queue, tasks: int) -> float:
    """The seconds from the moment the workers continue until all `tasks` are done."""
    try:
        _send(queue.pids, signal.SIGSTOP)
        queue.enqueue(tasks)
        if (waiting := queue.remaining()) != tasks:
            raise AutoConnectError(f"{waiting:,} tasks wait in the filled queue; expected {tasks:,}.")
    finally:
        start = time.perf_counter()
        _send(queue.pids, signal.SIGCONT)
    while queue.remaining():
        if time.perf_counter() - start > _TASKS_TIMEOUT_S:
            raise AutoConnectError(f"{queue.remaining():,} tasks remain after {_TASKS_TIMEOUT_S:.0f} seconds.")
        time.sleep(_POLL_S)
    return time.perf_counter() - start


def _send(pids: Sequence[int], number: signal.Signals) -> None:
    for pid in pids:
        os.kill(pid, number)


@contextmanager
def _peer(name: str, options: Sequence[str]) -> Iterator[Queue]:
    peer, command = queues.load(name), [str(PYTHON), "-m", "benchmarks.queues", name]
    with running_server() as url:
        client = connect(url)
        running = [launch([*command, "work", url, *options]) for _ in range(WORKERS)]
        try:
            _wait_until(lambda: client.call("LLEN", queues.UP) == WORKERS)
            yield Queue(
                [process.pid for process in running],
                lambda tasks: _check_call([*command, "enqueue", url, str(tasks)]),
                lambda: sum(client.call_many(peer.REMAINING)),
            )
            if failed := sum(client.call_many(peer.FAILED)):
                raise AutoConnectError(f"{failed:,} empty tasks of {name} failed; its messages are above.")
        finally:
            for process in running:
                process.kill()
                process.wait()
            client.close()


def _check_call(command: Sequence[str]) -> None:
    if code := subprocess.call(command):
        raise AutoConnectError(f"The queue could not be filled (exit code {code}); the messages are above.")


@contextmanager
def _autoconnect(*, grouped: bool) -> Iterator[Queue]:
    with running_server() as url, temporary_folder() as folder:
        source = folder / "empty.csv"
        source.write_bytes(_SOURCE)
        client = connect(url)
        settings = {"REDIS_URL": url, "DATA_DIR": str(folder), "LOG_LEVEL": "WARNING", "MAPPER": "plain"}
        environment = {**os.environ, **{PREFIX + name: value for name, value in settings.items()}}
        command = [sys.executable, "-m", "benchmarks.empty_worker"]
        running = [launch(command, environment) for _ in range(WORKERS)]
        try:
            _wait_until(lambda: len(workers.live_workers(client)) == WORKERS)
            empty_jobs = _EmptyJobs(client, source, grouped=grouped)
            yield Queue([process.pid for process in running], empty_jobs.enqueue, empty_jobs.remaining)
        finally:
            for process in running:
                process.kill()
                process.wait()
            client.close()


class _EmptyJobs:
    """Jobs whose batches are empty byte ranges."""

    def __init__(self, client: Client, source: Path, *, grouped: bool) -> None:
        self._client = client
        self._source = source
        self._grouped = grouped
        self._names = JobKeys("")
        self._batches = 0
        self._partials_before = 0

    def enqueue(self, batches: int) -> None:
        """Submit a job and plan it, in place of the orchestrator."""
        job = jobs.create_job(self._client, self._source.name, _RESULT_TTL_S)
        generation = plans.start_plan(self._client, job)
        version = Source.of(self._source.name, self._source.stat(), uploaded=False).version
        part = Part(self._source.name, version, sniff_bytes(_SOURCE).layout)
        plan = Plan([part], [PlannedBatch(0, ByteRange(len(_SOURCE), 0))] * batches)
        if generation is None or not plans.release_plan(self._client, job, generation, plan, "range", 1_000):
            raise AutoConnectError("Another process planned the job of empty batches.")
        self._names, self._batches = JobKeys(job), batches
        if not self._grouped:
            self._mark_as_failed()
        self._partials_before = self._partials()

    def remaining(self) -> int:
        """The number of batches that are not committed.

        Raises AutoConnectError if batches were committed together although not `grouped`.
        """
        remaining = self._batches - int(self._client.call("HGET", self._names.job, "done"))
        if remaining or self._grouped:
            return remaining
        written = self._partials() - self._partials_before
        if written < self._batches:
            raise AutoConnectError(
                f"{self._batches:,} batches were committed as {written:,} partials; expected one partial per batch."
            )
        return 0

    def _mark_as_failed(self) -> None:
        """Mark each batch as one that failed before: a worker commits such a batch alone."""
        batches = self._client.call("HGETALL", self._names.batches)
        changed = [(number, json.dumps({**json.loads(batch), "attempts": 1})) for number, batch in batches.items()]
        self._client.call("HSET", self._names.batches, *(item for pair in changed for item in pair))

    def _partials(self) -> int:
        """The number of partials ever added to the sets of their jobs; each commit adds one."""
        stats = self._client.call("INFO", "commandstats")
        return int(stats.get("cmdstat_sadd", {"calls": 0})["calls"])


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _UP_TIMEOUT_S
    while not condition():
        if time.monotonic() > deadline:
            raise AutoConnectError(
                f"The workers are not up after {_UP_TIMEOUT_S:.0f} seconds; their messages are above."
            )
        time.sleep(0.05)
