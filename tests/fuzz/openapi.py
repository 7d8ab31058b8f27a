"""`make fuzz-api`: calls every operation of a running stack, both within its OpenAPI description and against it.

Schemathesis makes the calls, alone and in chains (a job, its id, its batches); openapi.toml configures its checks of
the answers. The same seed makes the same calls, but the answers depend on the progress of jobs.
"""

import argparse
import json
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.conftest import SOURCE, stack_source
from tests.e2e.processes import Up, environment, running
from tests.e2e.waiting import wait_until

_ROOT = Path(__file__).parents[2]
_CONFIG = Path(__file__).with_name("openapi.toml")
_ROWS = 10_000
#: Many small batches and one worker: there is always a running job to cancel.
_SLOW = {"AUTOCONNECT_BATCH_BYTES": "2048", "AUTOCONNECT_WORKERS": "1"}
#: A source that no call replaces by an upload: openapi_checks.py gives such an upload another name.
CHECKED = "checked.csv"
KEY = "a key that only this stack knows"
#: The name for calls with a method that the description does not have.
OTHER_METHODS = "other methods"
#: Operations whose answers end late or never, which openapi.toml leaves out.
_ENDLESS = {"GET /api/v1/events", "GET /api/v1/jobs/{job_id}/events"}


@dataclass
class Report:
    """The result of a series of calls."""

    passed: bool
    #: The output of Schemathesis, with a curl line for each failure.
    text: str
    operations: list[str]
    #: The number of answers by operation (or OTHER_METHODS) and status class, such as ("GET /api/v1/jobs", "2xx"); the
    #: class is "none" if there is no answer.
    answers: Counter[tuple[str, str]] = field(default_factory=Counter)

    def table(self) -> str:
        """The counts, a line for each operation."""
        classes = sorted({answer for _, answer in self.answers})
        rows = [
            (name, [self.answers[name, answer] for answer in classes]) for name in [*self.operations, OTHER_METHODS]
        ]
        rows.append(("all", [sum(column) for column in zip(*(counts for _, counts in rows), strict=True)]))
        head = f"{'operation':<40}" + "".join(f"{answer:>8}" for answer in classes)
        return "\n".join(
            [head, *(f"{name:<40}" + "".join(f"{count:>8,}" for count in counts) for name, counts in rows)]
        )


@contextmanager
def fuzzed_stack(folder: Path) -> Iterator[Up]:
    """A stack with an API key and a published result, slow enough that its jobs can be cancelled."""
    (folder / "data").mkdir()
    for name in (SOURCE, CHECKED):
        (folder / "data" / name).write_text(stack_source(_ROWS))
    with running(folder, {**_SLOW, "AUTOCONNECT_API_KEY": KEY}) as stack:
        stack.first_job = wait_until("the first job", stack.latest)["id"]
        assert stack.ended(stack.first_job)["status"] == "completed"
        yield stack


def fuzz(stack: Up, examples: int, seed: int, timeout_s: int) -> Report:
    """Try up to `examples` random calls, spread evenly over the operations, and the calls that every run includes.

    Raises RuntimeError if Schemathesis fails to run.
    """
    operations = _operations(stack)
    events = stack.folder / "events.ndjson"
    config = shutil.copy(_CONFIG, stack.folder)
    (stack.folder / "jobs.txt").write_text(f'"{stack.first_job}"\n')
    (stack.folder / "sources.txt").write_text(f'"{CHECKED}"\n')
    process = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", config),
            *("run", f"{stack.url}/openapi.json", "--no-color", "--seed", str(seed)),
            *("--max-examples", str(max(1, examples // len(operations)))),
            *("--report", "ndjson", "--report-ndjson-path", str(events)),
        ],
        cwd=stack.folder,
        env=environment({"AUTOCONNECT_API_KEY": KEY, "PYTHONPATH": str(_ROOT)}),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    if process.returncode not in (0, 1):
        raise RuntimeError(f"Schemathesis failed to run: {process.stdout}{process.stderr}")
    report = Report(passed=process.returncode == 0, text=process.stdout + process.stderr, operations=operations)
    with events.open() as lines:
        for line in lines:
            report.answers.update(_answers(json.loads(line), operations))
    return report


def _operations(stack: Up) -> list[str]:
    paths = stack.client.get("/openapi.json").json()["paths"]
    operations = [f"{method.upper()} {path}" for path in sorted(paths) for method in sorted(paths[path])]
    return [operation for operation in operations if operation not in _ENDLESS]


def _answers(event: dict[str, dict[str, Any]], operations: list[str]) -> Iterator[tuple[str, str]]:
    """The operation and status class of each call that one line of the event report describes."""
    for value in event.values():
        recorder = value.get("recorder", {})
        for case_id, interaction in recorder.get("interactions", {}).items():
            case, response = recorder["cases"][case_id]["value"], interaction.get("response")
            operation = f"{case['method']} {case['path']}"
            status = f"{response['status_code'] // 100}xx" if response else "none"
            yield operation if operation in operations else OTHER_METHODS, status


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.openapi", description=__doc__)
    parser.add_argument("--examples", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**9))
    options = parser.parse_args()
    sys.stdout.write(f"Fuzzing the API with {options.examples:,} examples, seed {options.seed}.\n")
    with tempfile.TemporaryDirectory() as folder, fuzzed_stack(Path(folder)) as stack:
        report = fuzz(stack, options.examples, options.seed, timeout_s=7_200)
    sys.stdout.write(f"{report.text}\n{report.table()}\n")
    return 0 if report.passed else 1


if __name__ == "__main__":
    sys.exit(main())
