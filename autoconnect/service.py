"""What the main loops of the services have in common: stopping when asked, outliving Redis, showing that they work."""

import random
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from autoconnect.errors import AutoConnectError, BrokerUnavailable
from autoconnect.logs import set_up_logs
from autoconnect.settings import Settings, load_settings

log: structlog.stdlib.BoundLogger = structlog.get_logger()

#: Between attempts to reach Redis, in seconds; doubled each time up to the last.
_FIRST_PAUSE_S, _LAST_PAUSE_S = 0.05, 2.0


class Stop:
    """Whether this process was asked to end; `wake` is called when it is, to interrupt what blocks."""

    def __init__(self) -> None:
        self._requested = threading.Event()
        self.wake: Callable[[], None] = lambda: None

    @property
    def requested(self) -> bool:
        return self._requested.is_set()

    def listen(self) -> None:
        """From now on SIGTERM and SIGINT ask to end.

        A thread learns of them through a socket: what a signal handler may do between any two steps of the main thread
        is far less, and a mask does not reach the threads that libraries have started already.
        """
        told, tell = socket.socketpair()
        self._told = told  # for as long as this is, as further signals are written into it, too
        tell.setblocking(False)
        signal.set_wakeup_fd(tell.detach())
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        threading.Thread(target=self._listen, args=(told,), name="signals", daemon=True).start()

    def wait(self, seconds: float) -> None:
        """Returns after so many seconds, or as soon as the process is asked to end."""
        self._requested.wait(seconds)

    def _listen(self, told: socket.socket) -> None:
        told.recv(1)
        self._requested.set()
        try:
            self.wake()
        except BrokerUnavailable as error:
            log.warning("what blocks ends by itself", error=str(error))


class Throttle:
    """Tells when it is time again for what need not be done each time."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._next = float("-inf")

    def is_due(self) -> bool:
        """Whether so much time has passed since it last was."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + self._every_s
        return True


def run_rounds(round_: Callable[[], None], stop: Stop, health_file: Path | None) -> None:
    """Calls `round_` until asked to stop; while Redis is away, tries again with growing pauses."""
    stop.listen()
    failures = 0
    while not stop.requested:
        try:
            round_()
        except BrokerUnavailable as error:
            pause_s = min(_FIRST_PAUSE_S * 2**failures, _LAST_PAUSE_S)
            failures += 1
            log.warning("redis unavailable", error=str(error), pause_s=pause_s)
            stop.wait(pause_s * random.uniform(0.5, 1.0))
        else:
            if failures:
                log.info("redis available again", recovery="reconnected", failures=failures)
            failures = 0
            if health_file:
                health_file.touch()


def run_service(name: str, serve: Callable[[Settings, Stop], None]) -> int:
    """The frame of each service's `main`: settings, logs, signals; returns the exit code."""
    try:
        settings = load_settings()
        set_up_logs(name, settings)
        stop = Stop()
        serve(settings, stop)
    except AutoConnectError as error:
        sys.stderr.write(f"{name}: {error}\n")
        return 1
    return 0
