"""The services' processes: started, struck, and started again when they have died, as containers are."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

from tests.chaos.schedule import VISITORS, place_names
from tests.chaos.services import serve

#: From a place's name and how many processes were there before, the settings of the next one.
MakeSettings = Callable[[str, int], Mapping[str, str]]

_RESTART_PAUSE_S = 0.1
#: Whoever was asked to end has so long before it is killed, as under Compose.
_GRACE_S = 20.0


@dataclass
class Place:
    """Where one process of a service runs; the one that died is followed by another."""

    name: str
    filled: bool
    process: ForkServerProcess | None = None
    started: int = 0
    start_at: float = 0.0
    asked_at: float = 0.0
    allowed: frozenset[int] = frozenset()

    @property
    def service(self) -> str:
        return self.name.rpartition("-")[0]


class Fleet:
    """All places. One thread at a time may use it."""

    def __init__(self, context: ForkServerContext, settings: MakeSettings, logs: Path, complaints: list[str]) -> None:
        self.places = {name: Place(name, name not in VISITORS) for name in place_names()}
        self.struck: Counter[str] = Counter()
        self._context = context
        self._settings = settings
        self._logs = logs
        self._complaints = complaints

    def tend(self) -> None:
        """Starts what is not running and should be, after a short pause."""
        now = time.monotonic()
        for place in self.places.values():
            if place.process and place.process.exitcode is not None:
                self._bury(place)
                place.start_at = now + _RESTART_PAUSE_S
            elif place.process:
                self._kill_overdue(place, now)
            elif place.filled and now >= place.start_at:
                self._start(place)

    def send(self, name: str, number: int) -> int | None:
        """Sends a signal to the process there; its id, None where there is none."""
        place = self.places[name]
        if not place.process or place.process.exitcode is not None:
            return None
        pid = place.process.pid
        assert pid
        try:
            codes = _exit_codes(pid, number)
            os.kill(pid, number)
        except (FileNotFoundError, ProcessLookupError):  # it has just ended
            return None
        place.allowed |= codes
        place.asked_at = place.asked_at or (time.monotonic() if number == signal.SIGTERM else 0)
        return pid

    def wake(self, name: str, pid: int) -> None:
        """Lets a stopped process go on, if it is still the one in that place."""
        process = self.places[name].process
        if process and process.pid == pid:
            self.send(name, signal.SIGCONT)

    def strike(self, name: str, number: int) -> bool:
        """Sends a signal that ends; False where nobody is there."""
        if self.send(name, number) is None:
            return False
        self.struck[f"{self.places[name].service} {signal.Signals(number).name}"] += 1
        return True

    def stop(self) -> None:
        """Ends all processes in order; what does not end is killed and complained about."""
        for place in self.places.values():
            place.filled = False
            if self.send(place.name, signal.SIGCONT):
                self.send(place.name, signal.SIGTERM)
        deadline = time.monotonic() + _GRACE_S
        for place in self.places.values():
            if not place.process:
                continue
            place.process.join(max(deadline - time.monotonic(), 0.01))
            if place.process.exitcode is None:
                self._complaints.append(f"{place.name} did not end within {_GRACE_S:.0f} s of SIGTERM, without a fault")
                place.process.kill()
                place.process.join()
            self._bury(place)

    def _start(self, place: Place) -> None:
        settings = self._settings(place.name, place.started)
        log = self._logs / f"{place.name}.log"
        place.process = self._context.Process(target=serve, args=(place.service, settings, log), daemon=True)
        place.process.start()
        place.started += 1
        place.asked_at, place.allowed = 0.0, frozenset()

    def _bury(self, place: Place) -> None:
        assert place.process
        code = place.process.exitcode
        if code not in place.allowed:
            self._complaints.append(f"{place.name} ended with {code}, expected {sorted(place.allowed)}")
        place.process.close()
        place.process = None

    def _kill_overdue(self, place: Place, now: float) -> None:
        if place.asked_at and now - place.asked_at > _GRACE_S and -signal.SIGKILL not in place.allowed:
            self.send(place.name, signal.SIGKILL)
            self.struck[f"{place.service} killed after the grace time"] += 1


def _exit_codes(pid: int, number: int) -> frozenset[int]:
    """Those with which a process may end of a signal: who is asked to end does it in order, if it listens yet."""
    match number:
        case signal.SIGKILL:
            return frozenset({-number})
        case signal.SIGTERM:
            return frozenset({0} if _catches(pid, number) else {0, -number})
    return frozenset()


def _catches(pid: int, number: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    (mask,) = (line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(mask, 16) >> number - 1 & 1)
