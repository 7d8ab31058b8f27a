"""CPU and memory of processes, from /proc and the clocks of Linux; children that have ended do not count."""

import os
import re
import time
from collections.abc import Iterable
from pathlib import Path

from autoconnect.errors import AutoConnectError

_PROC = Path("/proc")
#: The clock that counts the CPU time of a process; its id is built as in the kernel's posix-timers.h.
_CPUCLOCK_SCHED = 2


def check_system() -> None:
    """Raise AutoConnectError if this system cannot measure costs."""
    if not (_PROC / "self" / "clear_refs").exists():
        raise AutoConnectError("The benchmark reads CPU and memory from /proc; run it on Linux.")


def cpu_s(pids: Iterable[int]) -> float:
    """The CPU seconds that processes have used so far, in user and kernel mode."""
    return sum(time.clock_gettime((~pid << 3) | _CPUCLOCK_SCHED) for pid in pids)


def busy_s() -> float:
    """The CPU seconds that all processes of this machine have used so far, and those that its host took from it."""
    user, nice, system, _, _, irq, softirq, steal = map(int, (_PROC / "stat").read_text().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def reset_peaks(pids: Iterable[int]) -> None:
    """Reset the peaks that `peak_bytes` returns to the current resident memory of each process."""
    for pid in pids:
        (_PROC / str(pid) / "clear_refs").write_text("5")


def peak_bytes(pids: Iterable[int]) -> int:
    """The sum of the peaks of resident memory (VmHWM) of processes: memory that they share counts in each of them."""
    return sum(_peak_bytes(pid) for pid in pids)


def is_alive(pid: int) -> bool:
    """Whether a process exists."""
    return (_PROC / str(pid)).exists()


def command(pid: int) -> str:
    """The command line of a process."""
    return (_PROC / str(pid) / "cmdline").read_text().replace("\0", " ")


def tree(pid: int | None = None) -> list[int]:
    """A process and all its descendants; defaults to this process."""
    parents = {}
    for folder in _PROC.glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text(errors="replace")  # a name may be cut within a character
        except (FileNotFoundError, ProcessLookupError):  # it has just ended
            continue
        parents[int(folder.name)] = int(stat.rpartition(")")[2].split()[1])
    pids = [pid or os.getpid()]
    for parent in pids:  # the list grows in the loop
        pids += [child for child, its_parent in parents.items() if its_parent == parent]
    return pids


def _peak_bytes(pid: int) -> int:
    peak = re.search(r"^VmHWM:\s+(\d+) kB$", (_PROC / str(pid) / "status").read_text(), re.MULTILINE)
    return int(peak[1]) * 1024 if peak else 0
