"""Modules of this package run in processes of their own, so that nobody's memory and threads are another's."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pyarrow.feather as feather

from autoconnect.errors import AutoConnectError
from benchmarks import answers
from benchmarks.costs import Cost


def start(module: str, *arguments: str | Path) -> "subprocess.Popen[str]":
    """Starts a module's `__main__` part."""
    command = [sys.executable, "-m", f"benchmarks.{module}", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)


def result(process: "subprocess.Popen[str]") -> Any:
    """What it prints as JSON on its last line.

    Raises AutoConnectError where it fails.
    """
    output, _ = process.communicate()
    if process.returncode:
        raise AutoConnectError(f"A part of the benchmark failed with code {process.returncode}; it says why above.")
    return json.loads(output.splitlines()[-1])


def run_engine(name: str, warm_up: Path, source: Path) -> tuple[Cost, Any]:
    """What one run of an engine costs, and its answer in the common form."""
    with tempfile.TemporaryDirectory(prefix="autoconnect-") as folder:
        answer = Path(folder) / "answer.arrow"
        cost = Cost(*result(start("peers", name, warm_up, source, answer)))
        return cost, answers.from_engine(feather.read_table(str(answer), memory_map=False))
