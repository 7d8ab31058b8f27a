"""Services as processes on one machine: started together, restarted when they die, stopped together."""

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

from autoconnect.errors import AutoConnectError
from autoconnect.local import leash

log: structlog.stdlib.BoundLogger = structlog.get_logger()

#: Quick deaths in a row after which a service is not restarted ...
QUICK_DEATHS = 5
#: ... and the seconds after its start within which a death is quick.
QUICK_S = 5.0
#: Seconds before the first restart; the pause doubles with each quick death.
_FIRST_PAUSE_S = 0.1
#: Seconds that services have to finish or give back their work before they are killed.
_GRACE_S = 10.0


@dataclass
class _Service:
    name: str
    command: Sequence[str]
    stops_last: bool
    process: subprocess.Popen[bytes] = field(init=False)
    started: float = 0.0
    quick_deaths: int = 0


class Supervisor:
    """Runs services in the given environment; they end with this process, however it ends."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._services: list[_Service] = []
        self._ended: queue.SimpleQueue[_Service] = queue.SimpleQueue()

    def start(self, name: str, command: Sequence[str], *, stops_last: bool = False) -> None:
        """Start a service and keep it running; one that `stops_last` is stopped after all others."""
        service = _Service(name, command, stops_last)
        self._launch(service)
        self._services.append(service)

    def watch(self, timeout_s: float) -> None:
        """Wait up to `timeout_s` seconds for a service to end, and restart it.

        Raises AutoConnectError if it has died quickly QUICK_DEATHS times in a row.
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
        log.warning("service ended; restarting it", ended=service.name, exit_code=code, pause_s=pause_s)
        time.sleep(pause_s)
        self._launch(service)

    def stop(self) -> None:
        """Stop all services; kill those that do not end in time."""
        for stops_last in (False, True):
            self._end([service for service in self._services if service.stops_last is stops_last])
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
    """Start a command on a leash, in its own session: Ctrl-C reaches only this process, which stops it in order."""
    leashed = [sys.executable, "-IS", str(Path(leash.__file__)), str(os.getpid()), *command]
    return subprocess.Popen(leashed, env=environment, start_new_session=True, stdin=subprocess.DEVNULL)
