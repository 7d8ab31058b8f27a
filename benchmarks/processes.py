"""What processes cost, by /proc and the clocks of Linux; children that have ended are not seen."""

import os
import re
import time
from collections.abc import Iterable
from pathlib import Path

from autoconnect.errors import AutoConnectError

_PROC = Path("/proc")
#: The clock that counts the CPU time of a process; the number is made as in the kernel's posix-timers.h.
_CPUCLOCK_SCHED = 2


def check_system() -> None:
    """Raises AutoConnectError where costs cannot be measured."""
    if not (_PROC / "self" / "clear_refs").exists():
        raise AutoConnectError("The benchmark measures CPU and memory by /proc; it needs Linux.")


def cpu_s(pids: Iterable[int]) -> float:
    """CPU seconds that processes have used so far, in user and kernel mode."""
    return sum(time.clock_gettime((~pid << 3) | _CPUCLOCK_SCHED) for pid in pids)


def forget_peaks(pids: Iterable[int]) -> None:
    """From now on `peak_bytes` says what is reached from now on."""
    for pid in pids:
        (_PROC / str(pid) / "clear_refs").write_text("5")


def peak_bytes(pids: Iterable[int]) -> int:
    """The peaks of resident memory of processes (VmHWM) added up; what they share is counted in each."""
    return sum(_peak_bytes(pid) for pid in pids)


def is_alive(pid: int) -> bool:
    """Whether there is such a process."""
    return (_PROC / str(pid)).exists()


def command(pid: int) -> str:
    """A process's command line."""
    return (_PROC / str(pid) / "cmdline").read_text().replace("\0", " ")


def tree(pid: int | None = None) -> list[int]:
    """A process, by itself this one, and all below it."""
    parents = {}
    for folder in _PROC.glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text()
        except (FileNotFoundError, ProcessLookupError):  # it has just ended
            continue
        parents[int(folder.name)] = int(stat.rpartition(")")[2].split()[1])
    found = [pid or os.getpid()]
    for parent in found:  # grows meanwhile
        found += [child for child, its_parent in parents.items() if its_parent == parent]
    return found


def _peak_bytes(pid: int) -> int:
    peak = re.search(r"^VmHWM:\s+(\d+) kB$", (_PROC / str(pid) / "status").read_text(), re.MULTILINE)
    return int(peak[1]) * 1024 if peak else 0
