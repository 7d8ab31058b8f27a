"""The queues that are compared: ours with empty batches, which nobody merges, the others with empty tasks.

Everybody has a server and worker processes of its own, which have done some tasks. They are held by a signal while the
queue is filled; the clock runs from when they are let go to when nothing is left, the last commit or acknowledgement.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from autoconnect.broker import jobs, workers
from autoconnect.broker.connection import Client, connect
from autoconnect.broker.keys import JobKeys
from autoconnect.core.layout import sniff
from autoconnect.core.splits import ByteRange
from autoconnect.errors import AutoConnectError
from autoconnect.settings import PREFIX
from autoconnect.sources import Version
from autoconnect.supervisor import launch
from benchmarks import queues
from benchmarks.server import running_server

WORKERS = 3
#: What the others are held against: one script for each batch, by which it is committed and the next one claimed.
OURS = "AutoConnect, one batch a commit"
#: As it is in a job whose batches have few rows, or none.
OURS_GROUPED = "AutoConnect, many batches a commit"
#: Made by `make bench`: the others' packages do not go together with ours.
PYTHON = Path(__file__).resolve().parents[1] / ".venv" / "queues" / "bin" / "python"
_PINS = Path(queues.__file__).with_name("requirements.txt")
_COMPARED = ("arq", "dramatiq", "rq", "redis")

_SOURCE = b"id,date,city,type,model,price\n"
_WARM_UP_TASKS = 300
_UP_TIMEOUT_S = 30.0
_TASKS_TIMEOUT_S = 120.0
_RESULT_TTL_S = 60
#: Between looks at what is left.
_LOOK_S = 0.005


@dataclass(frozen=True)
class Queue:
    """A queue whose workers are the processes `pids`."""

    pids: Sequence[int]
    enqueue: Callable[[int], None]
    left: Callable[[], int]


def contenders() -> dict[str, Callable[[], AbstractContextManager[Queue]]]:
    """By title, what starts each."""
    peers = {
        title: partial(_peer, name, options)
        for name in queues.names()
        for title, options in queues.load(name).TITLES.items()
    }
    return {OURS: partial(_ours, grouped=False), OURS_GROUPED: partial(_ours, grouped=True), **peers}


def peer_versions() -> str:
    """The versions of the others and of the client that they all use, in a line."""
    pins = [line.split("==") for line in _PINS.read_text().splitlines() if "==" in line]
    return ", ".join(f"{name} {version}" for name, version in pins if name in _COMPARED)


def tasks_a_second(running: Callable[[], AbstractContextManager[Queue]], tasks: int) -> float:
    """Starts a queue with its workers, warms it up and measures it."""
    with running() as queue:
        _run(queue, _WARM_UP_TASKS)
        return tasks / _run(queue, tasks)


def _run(queue: Queue, tasks: int) -> float:
    """Seconds that tasks take which wait when the workers are let go."""
    try:
        _send(queue.pids, signal.SIGSTOP)
        queue.enqueue(tasks)
        if (found := queue.left()) != tasks:
            raise AutoConnectError(f"{found:,} tasks wait before any is done; expected {tasks:,}.")
    finally:
        start = time.perf_counter()
        _send(queue.pids, signal.SIGCONT)
    while queue.left():
        if time.perf_counter() - start > _TASKS_TIMEOUT_S:
            raise AutoConnectError(f"{queue.left():,} tasks are left after {_TASKS_TIMEOUT_S:.0f} seconds.")
        time.sleep(_LOOK_S)
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
                lambda: sum(client.call_many(peer.LEFT)),
            )
            if failed := sum(client.call_many(peer.FAILED)):
                raise AutoConnectError(f"{failed:,} tasks of {name} failed, which do nothing; it says why above.")
        finally:
            for process in running:
                process.kill()
                process.wait()
            client.close()


def _check_call(command: Sequence[str]) -> None:
    if code := subprocess.call(command):
        raise AutoConnectError(f"A queue could not be filled, code {code}; it says why above.")


@contextmanager
def _ours(*, grouped: bool) -> Iterator[Queue]:
    with running_server() as url, tempfile.TemporaryDirectory(prefix="autoconnect-") as folder:
        source = Path(folder) / "empty.csv"
        source.write_bytes(_SOURCE)
        client = connect(url)
        settings = {"REDIS_URL": url, "DATA_DIR": folder, "LOG_LEVEL": "WARNING", "MAPPER": "plain"}
        environment = {**os.environ, **{PREFIX + name: value for name, value in settings.items()}}
        command = [sys.executable, "-m", "benchmarks.empty_worker"]
        running = [launch(command, environment) for _ in range(WORKERS)]
        try:
            _wait_until(lambda: len(workers.live_workers(client)) == WORKERS)
            job = _EmptyJobs(client, source, grouped=grouped)
            yield Queue([process.pid for process in running], job.enqueue, job.left)
        finally:
            for process in running:
                process.kill()
                process.wait()
            client.close()


class _EmptyJobs:
    """Jobs whose batches are ranges without a byte."""

    def __init__(self, client: Client, source: Path, *, grouped: bool) -> None:
        self._client = client
        self._source = source
        self._grouped = grouped
        self._names = JobKeys("")
        self._batches = 0
        self._partials_before = 0

    def enqueue(self, batches: int) -> None:
        """Submits a job and plans it, in place of the orchestrator."""
        job = jobs.create_job(self._client, self._source.name, _RESULT_TTL_S)
        generation = jobs.start_plan(self._client, job)
        status = self._source.stat()
        version = Version(status.st_size, status.st_mtime_ns)
        plan = jobs.Plan(version, sniff(_SOURCE, []), [ByteRange(len(_SOURCE), 0)] * batches)
        if generation is None or not jobs.publish_plan(self._client, job, generation, plan, "range"):
            raise AutoConnectError("The job of empty batches was planned by somebody else.")
        self._names, self._batches = JobKeys(job), batches
        if not self._grouped:
            self._set_apart()
        self._partials_before = self._partials()

    def left(self) -> int:
        """How many batches are not committed.

        Raises AutoConnectError where all are, but not each on its own as they should be.
        """
        left = self._batches - int(self._client.call("HGET", self._names.job, "done"))
        if left or self._grouped:
            return left
        written = self._partials() - self._partials_before
        if written < self._batches:
            raise AutoConnectError(f"{self._batches:,} batches were committed as {written:,} partials; expected each.")
        return 0

    def _set_apart(self) -> None:
        """Has each batch look like one that failed before: such a one is not committed with others."""
        found = self._client.call("HGETALL", self._names.batches)
        changed = [(number, json.dumps({**json.loads(text), "attempts": 1})) for number, text in found.items()]
        self._client.call("HSET", self._names.batches, *(item for pair in changed for item in pair))

    def _partials(self) -> int:
        """How many partials were ever listed by their jobs, which each commit does once."""
        stats = self._client.call("INFO", "commandstats")
        return int(stats.get("cmdstat_sadd", {"calls": 0})["calls"])


def _wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _UP_TIMEOUT_S
    while not is_so():
        if time.monotonic() > deadline:
            raise AutoConnectError(f"Workers are not up after {_UP_TIMEOUT_S:.0f} seconds; their messages are above.")
        time.sleep(0.05)
