"""Services as processes of one machine: started, started again when they die, and ended together."""

import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from autoconnect import leash
from autoconnect.errors import AutoConnectError

log: structlog.stdlib.BoundLogger = structlog.get_logger()

#: A service that has ended so often, each time within QUICK_S of its start, is given up.
QUICK_DEATHS = 5
QUICK_S = 5.0
_FIRST_PAUSE_S = 0.1
#: Services get so long to finish or give back what they do.
_GRACE_S = 10.0


@dataclass
class _Service:
    name: str
    command: Sequence[str]
    outlives: bool
    process: subprocess.Popen[bytes] = field(init=False)
    started: float = 0.0
    quick_deaths: int = 0


class Supervisor:
    """Its services see the given environment, and end with this process however it ends."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._services: list[_Service] = []
        self._ended: queue.SimpleQueue[_Service] = queue.SimpleQueue()

    def start(self, name: str, command: Sequence[str], *, outlives: bool = False) -> None:
        """Starts a service that is to run as long as this does; what `outlives` is ended after all else."""
        service = _Service(name, command, outlives)
        self._launch(service)
        self._services.append(service)

    def watch(self, timeout_s: float) -> None:
        """Waits so long for a service to end, and starts it again.

        Raises AutoConnectError where it has ended too often.
        """
        try:
            service = self._ended.get(timeout=timeout_s)
        except queue.Empty:
            return
        quick = time.monotonic() - service.started < QUICK_S
        service.quick_deaths = service.quick_deaths + 1 if quick else 1
        code = service.process.returncode
        if service.quick_deaths >= QUICK_DEATHS:
            raise AutoConnectError(
                f"The {service.name} ended {QUICK_DEATHS} times in a row within seconds of its start, the last time "
                f"with exit code {code}; its messages are above."
            )
        pause_s = _FIRST_PAUSE_S * 2 ** (service.quick_deaths - 1)
        log.warning("service ended; it is started again", ended=service.name, exit_code=code, pause_s=pause_s)
        time.sleep(pause_s)
        self._launch(service)

    def stop(self) -> None:
        """Ends all services; what does not end in time is killed."""
        for outlives in (False, True):
            self._end([service for service in self._services if service.outlives is outlives])
        self._services.clear()

    def _end(self, services: Sequence[_Service]) -> None:
        for service in services:
            service.process.terminate()
        deadline = time.monotonic() + _GRACE_S
        for service in services:
            try:
                service.process.wait(max(deadline - time.monotonic(), 0))
            except subprocess.TimeoutExpired:
                log.warning("service killed: it did not end in time", killed=service.name)
                service.process.kill()
                service.process.wait()

    def _launch(self, service: _Service) -> None:
        service.started = time.monotonic()
        service.process = launch(service.command, self._environment)
        threading.Thread(target=self._wait, args=(service,), daemon=True).start()

    def _wait(self, service: _Service) -> None:
        service.process.wait()
        self._ended.put(service)


def launch(command: Sequence[str], environment: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Starts a command on a leash, in a session of its own: Ctrl-C reaches only us, and we end it in order."""
    leashed = [sys.executable, "-IS", str(Path(leash.__file__)), str(os.getpid()), *command]
    return subprocess.Popen(leashed, env=environment, start_new_session=True, stdin=subprocess.DEVNULL)
