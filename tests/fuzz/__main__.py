"""`make fuzz`: tries a million spoiled inputs, or INPUTS of them, on all cores; the same seed gives the same inputs.

A failing input is written to a file named after its seed and number. An input that takes too long is a failing one.
"""

import argparse
import multiprocessing
import os
import secrets
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from tests.fuzz.findings import Finding, try_inputs

_INPUTS_PER_TASK = 2_000
_FOLDER = Path(".fuzz")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**9))
    parser.add_argument(
        "--first", type=int, default=0, help="Number of the first input. A finding is named SEED:NUMBER."
    )
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    say(f"Fuzzing with {options.inputs:,} inputs, seed {options.seed}.")
    started, findings = time.monotonic(), 0
    for finding in _on_all_cores(options.seed, range(options.first, options.first + options.inputs), options.processes):
        findings += 1
        say(f"Input {finding.name} fails; it is written to {_write(finding)}.\n{finding.reason}")
    say(f"{options.inputs:,} inputs in {time.monotonic() - started:.0f} s: {findings} findings (seed {options.seed}).")
    return 1 if findings else 0


def _on_all_cores(seed: int, numbers: range, processes: int) -> Iterator[Finding]:
    parts = [numbers[first : first + _INPUTS_PER_TASK] for first in range(0, len(numbers), _INPUTS_PER_TASK)]
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        tasks = {pool.submit(try_inputs, seed, part): part for part in parts}
        for done, task in enumerate(as_completed(tasks), start=1):
            if error := task.exception():  # the process itself died
                raise SystemExit(f"One of the inputs {seed}:{tasks[task].start} to {tasks[task].stop - 1}: {error}")
            yield from task.result()
            if done % 50 == 0:
                say(f"{done * _INPUTS_PER_TASK:,} inputs")


def _write(finding: Finding) -> Path:
    _FOLDER.mkdir(exist_ok=True)
    path = _FOLDER / f"{finding.name.replace(':', '-')}.bin"
    path.write_bytes(finding.data)
    return path


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
