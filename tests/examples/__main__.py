"""`make examples`: records the answers in api/description/recorded, a file for each operation."""

import json
import tempfile
from pathlib import Path

from api.description.examples import COMMON_NAME, FOLDER
from tests.examples.calls import CALLS, COMMON
from tests.examples.recorder import Example, recorder


def main() -> None:
    """Record every answer anew."""
    with tempfile.TemporaryDirectory() as folder, recorder(Path(folder)) as running:
        _write(COMMON_NAME, [{**running.record(call), "applies": operations} for operations, call in COMMON])
        for operation, calls in CALLS.items():
            _write(operation, [running.record(call) for call in calls])


def _write(name: str, answers: list[Example]) -> None:
    (FOLDER / f"{name}.json").write_text(json.dumps(answers, ensure_ascii=False, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
