"""The examples of the description are what the API answers."""

from pathlib import Path
from typing import Any

from api.description.examples import COMMON_NAME, recorded
from tests.examples.calls import CALLS, COMMON
from tests.examples.recorder import recorder


def shape(value: Any) -> Any:
    """The names in a document and the sentences of a problem, without what differs from run to run."""
    if isinstance(value, dict):
        return {name: shape(part) for name, part in value.items() if not isinstance(part, dict) or part}
    return [shape(part) for part in value[:1]] if isinstance(value, list) else None


def test_the_recorded_examples_are_what_the_api_answers(tmp_path: Path) -> None:
    with recorder(tmp_path) as running:
        answers = {COMMON_NAME: [running.record(call) for _, call in COMMON]}
        answers |= {name: [running.record(call) for call in calls] for name, calls in CALLS.items()}
    for name, given in answers.items():
        for example, answer in zip(recorded(name), given, strict=True):
            for part in ("name", "summary", "status", "media_type"):
                assert example[part] == answer[part], (name, answer)
            assert shape(example["value"]) == shape(answer["value"]), (name, answer["name"])
