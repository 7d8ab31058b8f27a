"""Large jobs, which a child process reduces one after the other."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import IO

import structlog

from autoconnect.broker import queues, reducers
from autoconnect.broker.connection import Client
from autoconnect.errors import BrokerUnavailable
from autoconnect.local.supervisor import leashed

log: structlog.stdlib.BoundLogger = structlog.get_logger()

#: Seconds within which a child must be ready; it needs one.
_START_S = 60.0


class LargeJobs:
    """Passes jobs to a child process, which starts before it is needed and again if it dies."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._waiting: list[str] = []
        self._current: str | None = None
        self._again = False
        self._is_started = False
        self._ended = False
        self._started_s = 0.0
        self._child: subprocess.Popen[str] | None = None
        self._reducer = ""

    def start(self) -> None:
        """Start the child, unless it runs; call this from the main thread, since the child ends with its thread."""
        with self._lock:
            self._is_started = True
            if self._child is None and not self._ended:
                self._started_s = time.monotonic()
                self._child = subprocess.Popen(
                    leashed([sys.executable, "-m", "aggregator.child"]),
                    env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    start_new_session=True,
                    text=True,
                )
                threading.Thread(target=self._listen, args=(self._child,), daemon=True).start()

    def __contains__(self, job_id: str) -> bool:
        with self._lock:
            return job_id == self._current or job_id in self._waiting

    def tick(self, *, may_judge: bool) -> None:
        """Start the child again if it died, and kill it if it hangs: it has lost its lease, or does not get one."""
        if self._is_started:
            self.start()
        with self._lock:
            child, reducer, age_s = self._child, self._reducer, time.monotonic() - self._started_s
        hangs = not reducers.has_lease(self._client, reducer) if reducer else age_s > _START_S
        if child and may_judge and hangs:
            log.error("the process for large jobs hangs; killing it", recovery="killed")
            child.kill()

    def give_back(self, job_ids: Iterable[str]) -> None:
        """Let others reduce the jobs that the child has ended to reduce: Redis may have lost that it did."""
        with self._lock:
            reducer = self._reducer
            ended = [job_id for job_id in job_ids if job_id != self._current]
        if reducer:
            for job_id in reducers.jobs_of(self._client, ended, reducer):
                reducers.end_reduction(self._client, job_id, reducer)

    def submit(self, job_id: str) -> None:
        """Have a job reduced, once more if it is being reduced now."""
        self.start()
        with self._lock:
            if job_id == self._current:
                self._again = True
            elif job_id not in self._waiting:
                self._waiting.append(job_id)
                self._send_next()

    def end(self) -> None:
        """End the child; this counts as no death, and another aggregator may go on at once."""
        with self._lock:
            self._ended = True
            child, job_id, reducer, self._waiting = self._child, self._current, self._reducer, []
        if child is None:
            return
        child.kill()
        child.wait()
        try:
            if job_id:
                reducers.end_reduction(self._client, job_id, reducer)
        except BrokerUnavailable as error:
            log.warning("reduction not given back; it goes on after one lease", error=str(error))

    def _send_next(self) -> None:
        if self._child and self._reducer and self._current is None and self._waiting:
            self._current = self._waiting.pop(0)
            self._again = False
            _write(self._child.stdin, self._current)

    def _listen(self, child: subprocess.Popen[str]) -> None:
        """Take the child's answers: its name as a reducer, then a line after each job; the end of them is its death."""
        assert child.stdout
        self._reducer = child.stdout.readline().strip()
        with self._lock:
            self._send_next()
        for _ in child.stdout:
            with self._lock:
                job_id = self._current if self._again else None
                self._current = None
                self._send_next()
            if job_id:
                self._wake([job_id])
        code = child.wait()
        with self._lock:
            reducer, self._reducer, self._child = self._reducer, "", None
            _close(child)
            job_ids = [job_id for job_id in (self._current, *self._waiting) if job_id]
            self._current, self._waiting = None, []
        if not self._ended:
            log.error("the process for large jobs died; starting it again", exit_code=code, recovery="restarted")
            self._wake(job_ids, reducer)

    def _wake(self, job_ids: list[str], dead_reducer: str = "") -> None:
        """Have the aggregator look at jobs at once; it does so at its next tick if Redis is away."""
        try:
            if dead_reducer:
                reducers.end_lease(self._client, dead_reducer)
            for job_id in job_ids:
                queues.wake_aggregator(self._client, job_id)
        except BrokerUnavailable as error:
            log.warning("redis unavailable", error=str(error))


def _close(child: subprocess.Popen[str]) -> None:
    """Close the pipes of a child that has ended."""
    for pipe in (child.stdin, child.stdout):
        assert pipe
        with suppress(BrokenPipeError):  # what it did not read is lost
            pipe.close()


def _write(pipe: IO[str] | None, job_id: str) -> None:
    assert pipe
    with suppress(BrokenPipeError):  # the child has just died, as its listener is about to notice
        pipe.write(f"{job_id}\n")
        pipe.flush()
