"""`make fuzz-api`: calls every operation of a running stack as its OpenAPI description says, and as it doesn't.

Schemathesis makes the calls, alone and in chains (a job, its id, its batches); openapi.toml tells what it holds the
answers against. The same seed makes the same calls, though what they meet depends on how far jobs are.
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
#: Many small batches and one worker: there is always a job that runs, to be cancelled.
_SLOW = {"AUTOCONNECT_BATCH_BYTES": "2048", "AUTOCONNECT_WORKERS": "1"}
KEY = "a key that only this stack knows"
#: Calls by a method that the description doesn't have.
OTHERS = "other methods"


@dataclass
class Report:
    """What came of some calls."""

    passed: bool
    #: What Schemathesis says of them; with each failure a curl line.
    text: str
    operations: list[str]
    #: How many by operation (or OTHERS) and status class, such as ("GET /api/v1/jobs", "2xx"); no answer is "none".
    answers: Counter[tuple[str, str]] = field(default_factory=Counter)

    def table(self) -> str:
        """The counts, a line for each operation."""
        classes = sorted({answer for _, answer in self.answers})
        rows = [(name, [self.answers[name, answer] for answer in classes]) for name in [*self.operations, OTHERS]]
        rows.append(("all", [sum(column) for column in zip(*(counts for _, counts in rows), strict=True)]))
        head = f"{'operation':<40}" + "".join(f"{answer:>8}" for answer in classes)
        return "\n".join(
            [head, *(f"{name:<40}" + "".join(f"{count:>8,}" for count in counts) for name, counts in rows)]
        )


@contextmanager
def fuzzed_stack(folder: Path) -> Iterator[Up]:
    """A stack with an API key, and a published result, slow enough that its jobs can be cancelled."""
    (folder / "data").mkdir()
    (folder / "data" / SOURCE).write_text(stack_source(_ROWS))
    with running(folder, {**_SLOW, "AUTOCONNECT_API_KEY": KEY}) as stack:
        stack.first_job = wait_until("the first job", stack.latest)["id"]
        assert stack.ended(stack.first_job)["status"] == "completed"
        yield stack


def fuzz(stack: Up, examples: int, seed: int, timeout_s: int) -> Report:
    """Tries up to so many examples, spread evenly over the operations, and those that are tried always.

    Raises RuntimeError where Schemathesis does not get to run.
    """
    operations = _operations(stack)
    events = stack.folder / "events.ndjson"
    config = shutil.copy(_CONFIG, stack.folder)
    (stack.folder / "jobs.txt").write_text(f'"{stack.first_job}"\n')
    done = subprocess.run(
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
    if done.returncode not in (0, 1):
        raise RuntimeError(f"Schemathesis did not get to run: {done.stdout}{done.stderr}")
    report = Report(passed=done.returncode == 0, text=done.stdout + done.stderr, operations=operations)
    with events.open() as lines:
        for line in lines:
            report.answers.update(_answers(json.loads(line), operations))
    return report


def _operations(stack: Up) -> list[str]:
    paths = stack.client.get("/openapi.json").json()["paths"]
    return [f"{method.upper()} {path}" for path in sorted(paths) for method in sorted(paths[path])]


def _answers(event: dict[str, dict[str, Any]], operations: list[str]) -> Iterator[tuple[str, str]]:
    """The calls that one line of the report of events tells of."""
    for value in event.values():
        recorder = value.get("recorder", {})
        for case_id, interaction in recorder.get("interactions", {}).items():
            case, response = recorder["cases"][case_id]["value"], interaction.get("response")
            operation = f"{case['method']} {case['path']}"
            status = f"{response['status_code'] // 100}xx" if response else "none"
            yield operation if operation in operations else OTHERS, status


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
