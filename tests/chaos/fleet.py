"""The services' processes: started, struck, and started again when they have died, as containers are."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

from tests.chaos.schedule import VISITORS, slot_names
from tests.chaos.services import serve

#: Makes the settings of a slot's next process, from the slot's name and the number of processes before it.
MakeSettings = Callable[[str, int], Mapping[str, str]]

#: Seconds between the end of a process and the start of the next one in its slot.
_RESTART_PAUSE_S = 0.1
#: Seconds from SIGTERM to SIGKILL, as under Compose.
_GRACE_S = 20.0
#: Seconds that all processes have to end after the run.
_STOP_S = 60.0


@dataclass
class Slot:
    """Runs one process of a service, and another one when it has died."""

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
    """All slots. One thread at a time may use it."""

    def __init__(self, context: ForkServerContext, settings: MakeSettings, logs: Path, complaints: list[str]) -> None:
        self.slots = {name: Slot(name, name not in VISITORS) for name in slot_names()}
        self.struck: Counter[str] = Counter()
        self._context = context
        self._settings = settings
        self._logs = logs
        self._complaints = complaints

    def tend(self) -> None:
        """Start a process in each slot that should have one, after a short pause."""
        now = time.monotonic()
        for slot in self.slots.values():
            if slot.process and slot.process.exitcode is not None:
                self._bury(slot)
                slot.start_at = now + _RESTART_PAUSE_S
            elif slot.process:
                self._kill_overdue(slot, now)
            elif slot.filled and now >= slot.start_at:
                self._start(slot)

    def send(self, name: str, number: int) -> int | None:
        """Send a signal to a slot's process; returns its id, or None if there is none."""
        slot = self.slots[name]
        if not slot.process or slot.process.exitcode is not None:
            return None
        pid = slot.process.pid
        assert pid
        try:
            codes = _exit_codes(pid, number)
            os.kill(pid, number)
        except (FileNotFoundError, ProcessLookupError):  # it has just ended
            return None
        slot.allowed |= codes
        slot.asked_at = slot.asked_at or (time.monotonic() if number == signal.SIGTERM else 0)
        return pid

    def wake(self, name: str, pid: int) -> None:
        """Let a stopped process continue, if it is still the one in that slot."""
        process = self.slots[name].process
        if process and process.pid == pid:
            self.send(name, signal.SIGCONT)

    def send_to_child(self, name: str, number: int) -> int | None:
        """Send a signal to the child of a slot's process; returns its id, or None if there is none."""
        process = self.slots[name].process
        child = next(iter(_children(process.pid)), None) if process and process.pid else None
        if child is not None:
            os.kill(child, number)
        return child

    def wake_child(self, name: str, pid: int) -> None:
        """Let a stopped child continue, if it is still there; if its parent has died, so has the child."""
        process = self.slots[name].process
        if process and process.pid == _parent(pid):
            os.kill(pid, signal.SIGCONT)

    def strike_child(self, name: str) -> bool:
        """Kill the child of a slot's process; returns False if there is none."""
        if self.send_to_child(name, signal.SIGKILL) is None:
            return False
        self.struck[f"{self.slots[name].service} child SIGKILL"] += 1
        return True

    def strike(self, name: str, number: int) -> bool:
        """Send a signal that ends a process; returns False if the slot has none."""
        if self.send(name, number) is None:
            return False
        self.struck[f"{self.slots[name].service} {signal.Signals(number).name}"] += 1
        return True

    def stop(self) -> None:
        """End all processes with SIGTERM; kill and complain about those that do not end."""
        for slot in self.slots.values():
            slot.filled = False
            if self.send(slot.name, signal.SIGCONT):
                self.send(slot.name, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_S
        for slot in self.slots.values():
            if not slot.process:
                continue
            slot.process.join(max(deadline - time.monotonic(), 0.01))
            if slot.process.exitcode is None:
                self._complaints.append(f"{slot.name} did not end within {_STOP_S:.0f} s of SIGTERM, without a fault")
                slot.process.kill()
                slot.process.join()
            self._bury(slot)

    def _start(self, slot: Slot) -> None:
        settings = self._settings(slot.name, slot.started)
        log = self._logs / f"{slot.name}.log"
        slot.process = self._context.Process(target=serve, args=(slot.service, settings, log), daemon=True)
        slot.process.start()
        slot.started += 1
        slot.asked_at, slot.allowed = 0.0, frozenset()

    def _bury(self, slot: Slot) -> None:
        assert slot.process
        code = slot.process.exitcode
        if code not in slot.allowed:
            self._complaints.append(f"{slot.name} ended with {code}, expected {sorted(slot.allowed)}")
        slot.process.close()
        slot.process = None

    def _kill_overdue(self, slot: Slot, now: float) -> None:
        if slot.asked_at and now - slot.asked_at > _GRACE_S and -signal.SIGKILL not in slot.allowed:
            self.send(slot.name, signal.SIGKILL)
            self.struck[f"{slot.service} killed after the grace time"] += 1


def _exit_codes(pid: int, number: int) -> frozenset[int]:
    """The exit codes that a signal may lead to: after SIGTERM, 0, or the signal if it is not handled yet."""
    match number:
        case signal.SIGKILL:
            return frozenset({-number})
        case signal.SIGTERM:
            return frozenset({0} if _catches(pid, number) else {0, -number})
    return frozenset()


def _children(pid: int) -> list[int]:
    """The ids of the children of a process, which may have just ended: no other process has gotten their ids yet."""
    children: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):  # the thread has just ended
            children += map(int, path.read_text().split())
    return children


def _parent(pid: int) -> int | None:
    """The id of the parent of a process, or None if it has ended."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return None


def _catches(pid: int, number: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    (mask,) = (line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(mask, 16) >> number - 1 & 1)
