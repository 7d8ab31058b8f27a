"""Services as processes on one machine: started together, restarted when they die, stopped together."""

import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from autoconnect.errors import AutoConnectError
from autoconnect.local import leash
from autoconnect.local.embedded import EmbeddedServer

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
    server: EmbeddedServer | None = None
    process: subprocess.Popen[bytes] = field(init=False)
    started: float = 0.0
    quick_deaths: int = 0


class Supervisor:
    """Runs services in the given environment; they end with this process, however it ends."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._services: list[_Service] = []
        self._ended: queue.SimpleQueue[_Service] = queue.SimpleQueue()

    def start(self, name: str, command: Sequence[str]) -> None:
        """Start a service and keep it running."""
        service = _Service(name, command)
        self._launch(service)
        self._services.append(service)
        self._report_end(service)

    def start_server(self, server: EmbeddedServer) -> None:
        """Start the server that all others need, wait until it answers and keep it running; it is stopped last.

        Raises StateDamaged if it cannot load its data, and AutoConnectError if it does not start for another reason.
        """
        server.prepare()
        service = _Service("redis", server.command, server)
        self._launch(service)
        self._services.append(service)
        server.wait_until_it_answers(service.process)
        self._report_end(service)

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
            if service.server:
                raise service.server.failure(code)
            raise AutoConnectError(
                f"The {service.name} ended {QUICK_DEATHS} times in a row within seconds of its start, the last time "
                f"with exit code {code}; its messages are above."
            )
        pause_s = _FIRST_PAUSE_S * 2 ** (service.quick_deaths - 1)
        log.warning("service ended; restarting it", ended=service.name, exit_code=code, pause_s=pause_s)
        time.sleep(pause_s)
        self._launch(service)
        self._report_end(service)

    def stop(self) -> None:
        """Stop all services; kill those that do not end in time."""
        self._end([service for service in self._services if not service.server])
        self._end([service for service in self._services if service.server])
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
        log_file = service.server.log if service.server else None
        service.process = launch(service.command, self._environment, log_file)

    def _report_end(self, service: _Service) -> None:
        """Let `watch` know when the process of a service ends."""
        threading.Thread(target=self._wait, args=(service,), daemon=True).start()

    def _wait(self, service: _Service) -> None:
        service.process.wait()
        self._ended.put(service)


def launch(
    command: Sequence[str], environment: Mapping[str, str] | None = None, output: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start a command on a leash, in its own session: Ctrl-C reaches only this process, which stops it in order.

    What it prints is appended to the file `output`, or goes where the output of this process goes.
    """
    with output.open("ab") if output else nullcontext() as file:
        return subprocess.Popen(
            leashed(command),
            env=environment,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        )


def leashed(command: Sequence[str]) -> list[str]:
    """The command on a leash: it ends when this process does, however that ends."""
    return [sys.executable, "-IS", str(Path(leash.__file__)), str(os.getpid()), *command]
