"""The frame of a service's main loop: it stops when asked, retries while Redis is away, and shows that it works."""

import os
import random
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from autoconnect.errors import AutoConnectError, BrokerUnavailable, Unavailable
from autoconnect.logs import log_everything_else, say, set_up_logs
from autoconnect.settings import PREFIX, Settings, load_settings

log: structlog.stdlib.BoundLogger = structlog.get_logger()

#: Seconds between attempts to reach Redis: doubled from the first to the last.
_FIRST_PAUSE_S, _LAST_PAUSE_S = 0.05, 2.0


class Stop:
    """A request to end this process; `wake` is called when it comes, to interrupt a blocked call."""

    def __init__(self) -> None:
        self._requested = threading.Event()
        self.wake: Callable[[], None] = lambda: None

    @property
    def requested(self) -> bool:
        return self._requested.is_set()

    def listen(self) -> None:
        """Request the end at SIGTERM and SIGINT from now on.

        A thread learns of them through a socket: a signal handler, which runs between any two steps of the main thread,
        may do far less, and a signal mask does not reach the threads that libraries have started already.
        """
        receiver, sender = socket.socketpair()
        self._receiver = receiver  # stays open as long as this object: further signals are written to it, too
        sender.setblocking(False)
        signal.set_wakeup_fd(sender.detach())
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        threading.Thread(target=self._listen, args=(receiver,), name="signals", daemon=True).start()

    def wait(self, seconds: float) -> None:
        """Wait for `seconds`, or until the process is asked to end."""
        self._requested.wait(seconds)

    def request(self) -> None:
        """Ask this process to end, as a signal does."""
        self._requested.set()
        try:
            self.wake()
        except BrokerUnavailable as error:
            log.warning("blocked call not interrupted; it ends at its time limit", error=str(error))

    def _listen(self, receiver: socket.socket) -> None:
        receiver.recv(1)
        self.request()


class Throttle:
    """Limits an action to once per interval."""

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._next = float("-inf")

    def is_due(self) -> bool:
        """Whether the action is due; if so, the next interval begins."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + self._interval_s
        return True


def run_rounds(round_: Callable[[], None], stop: Stop, health_file: Path | None) -> None:
    """End at SIGTERM and SIGINT; until then, `repeat`."""
    stop.listen()
    repeat(round_, stop, health_file)


def repeat(round_: Callable[[], None], stop: Stop, health_file: Path | None = None) -> None:
    """Call `round_` until asked to stop; while Redis or a cluster is away, retry with growing pauses.

    Touch the health file after each round.
    """
    failures, back = 0, ""
    while not stop.requested:
        try:
            round_()
        except Unavailable as error:
            pause_s = min(_FIRST_PAUSE_S * 2**failures, _LAST_PAUSE_S)
            failures += 1
            back = error.back
            log.warning(error.away, error=str(error), pause_s=pause_s)
            stop.wait(pause_s * random.uniform(0.5, 1.0))
        else:
            if failures:
                log.info(back, recovery="reconnected", failures=failures)
            failures = 0
            if health_file:
                health_file.touch()


def run_service(name: str, serve: Callable[[Settings, Stop], None]) -> int:
    """Load the settings, set up logs and run `serve`; return the exit code."""
    log_format = os.environ.get(f"{PREFIX}LOG_FORMAT", "")  # read first, because it holds for errors in settings, too
    set_up_logs(name, "INFO", log_format)
    log_everything_else()
    try:
        settings = load_settings()
        set_up_logs(name, settings.log_level, settings.log_format)
        serve(settings, Stop())
    except AutoConnectError as error:
        if log_format == "json":
            log.critical(str(error))
        else:
            say(f"{name}: {error}")
        return 1
    return 0
