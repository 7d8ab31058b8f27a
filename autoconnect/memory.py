"""The memory that this process may use: that of its control group or of the machine, or less by a limit of its own.

What the system reports as free says nothing about a container's limit, and neither does /proc/meminfo, which is the
host's there. Control groups are nested; each limit holds for all processes of its group and of those below it together.
"""

import os
import resource
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

#: Files with limits. The second one also knows the groups above the ones that a container sees.
_FILES_V1: Sequence[str] = ("memory.limit_in_bytes", "memory.stat")
_FILES_V2: Sequence[str] = ("memory.max",)


@dataclass(frozen=True)
class MemoryLimit:
    """The bytes that all processes of a pool may use together; `pool` names the group or the machine they are of."""

    bytes: int
    pool: str


def memory_limit(root: Path = Path("/")) -> MemoryLimit:
    """The smallest limit that holds for this process. `root` is the root of the file system."""
    machine = _machine_id(root)
    limits = [MemoryLimit(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), machine)]
    for group, mount, files in _groups(root):
        for folder in (group, *group.parents):
            for file in files:
                with suppress(OSError, ValueError):  # there is none, or it says `max`
                    limits.append(MemoryLimit(_read_limit(folder / file), f"{machine}/{folder.stat().st_ino}"))
            if folder == mount:
                break
    return min(limits, key=lambda limit: limit.bytes)


def limit_memory(most_bytes: int) -> None:
    """Let this process use `most_bytes` of memory: it is refused more, and is killed first if memory is short.

    This works on Linux only.
    """
    if sys.platform != "linux":
        return
    Path("/proc/self/oom_score_adj").write_text("1000")
    limit = _status_bytes("VmData") + max(most_bytes - resident_bytes(), 0)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def resident_bytes() -> int:
    """The bytes of memory that this process uses; 0 where the system has no /proc."""
    return _status_bytes("VmRSS") if sys.platform == "linux" else 0


def _status_bytes(name: str) -> int:
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status[name].split()[0]) << 10


def _machine_id(root: Path) -> str:
    try:
        return (root / "proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:  # other systems than Linux
        return socket.gethostname()


def _groups(root: Path) -> Iterator[tuple[Path, Path, Sequence[str]]]:
    """The folder of this process's group in each hierarchy that limits memory, where that is mounted, and its files."""
    try:
        groups = _group_paths((root / "proc/self/cgroup").read_text())
        mounts = (root / "proc/self/mountinfo").read_text().splitlines()
    except OSError:  # other systems than Linux
        return
    for line in mounts:
        before, _, after = line.partition(" - ")
        shown, mount = before.split()[3:5]
        kind, *_, options = after.split()
        if kind == "cgroup" and "memory" in options.split(","):
            path, files = groups.get("memory"), _FILES_V1
        elif kind == "cgroup2":
            path, files = groups.get(""), _FILES_V2
        else:
            continue
        if path is not None:
            folder = root / mount.lstrip("/")
            yield folder / _below(path, shown), folder, files


def _group_paths(text: str) -> dict[str, str]:
    """The path of this process's group by controller; that of version 2 has the name ''."""
    paths = {}
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        paths.update(dict.fromkeys(controllers.split(","), path))
    return paths


def _below(path: str, shown: str) -> str:
    """The path of a group below the one that a mount shows; a container sees its own group there."""
    shown = shown.rstrip("/")
    return path[len(shown) :].lstrip("/") if path.startswith(f"{shown}/") else ""


def _read_limit(file: Path) -> int:
    text = file.read_text()
    if file.name == "memory.stat":
        text = dict(line.split() for line in text.splitlines()).get("hierarchical_memory_limit", "")
    return int(text)
