"""Runs modules of this package in their own processes, so that engines share neither memory nor threads."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.feather as feather

from autoconnect.errors import AutoConnectError
from autoconnect.local.temporary import temporary_folder
from benchmarks import answers
from benchmarks.costs import Cost


def start(module: str, *arguments: str | Path) -> "subprocess.Popen[str]":
    """Start a module of this package as a program."""
    command = [sys.executable, "-m", f"benchmarks.{module}", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)


def result(process: "subprocess.Popen[str]") -> Any:
    """Wait for a process and return the JSON value on the last line of its output.

    Raises AutoConnectError if the process fails.
    """
    output, _ = process.communicate()
    if process.returncode:
        raise AutoConnectError(
            f"A process of the benchmark ended with exit code {process.returncode}; its messages are above."
        )
    return json.loads(output.splitlines()[-1])


def run_engine(name: str, warm_up: Path, source: Path) -> tuple[Cost, Any]:
    """The cost of one run of an engine, and its answer in the common form."""
    with temporary_folder() as folder:
        answer = folder / "answer.arrow"
        cost = Cost(*result(start("peers", name, warm_up, source, answer)))
        return cost, answers.from_engine(feather.read_table(str(answer), memory_map=False))
