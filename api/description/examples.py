"""Examples of answers: real ones, which `make examples` records in the folder `recorded`, a file for each operation.

Each file has a list of answers with `name`, `summary`, `status`, `media_type` and `value`. Those in `common.json` are
errors that many operations give; `applies` says to which.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from api import problems

FOLDER = Path(__file__).parent / "recorded"
#: The file of the errors that many operations give.
COMMON_NAME = "common"

#: When each error is given.
_MEANINGS = {
    401: "A key is needed, and none or a wrong one was sent.",
    403: "The key, the page or the host may not do this.",
    404: "There is no such thing, or no result yet.",
    406: "The format is not served.",
    409: "The job or source is not in a state that allows it.",
    410: "The result is gone.",
    413: "The body is too large.",
    414: "The URL is too long.",
    415: "The body is of another media type.",
    422: "A parameter or the body is invalid.",
    429: "Too many calls, or too many open jobs.",
    503: "Redis does not answer, or the API is busy.",
}


@cache
def recorded(name: str) -> list[dict[str, Any]]:
    """The answers that were recorded for an operation."""
    path = FOLDER / f"{name}.json"
    answers: list[dict[str, Any]] = json.loads(path.read_text("utf-8")) if path.exists() else []
    return answers


def add_examples(path: str, operation: dict[str, Any]) -> None:
    """Add the recorded answers of an operation, and the errors that it shares with others."""
    for answer in recorded(operation["operationId"]):
        _examples(operation, answer)[answer["name"]] = {"summary": answer["summary"], "value": answer["value"]}
    for answer in recorded(COMMON_NAME):
        if _applies(answer["applies"], path, operation):
            reference = {"$ref": f"#/components/examples/{answer['name']}"}
            _examples(operation, answer)[answer["name"]] = reference


def common_examples() -> dict[str, Any]:
    """The examples that operations refer to."""
    return {
        answer["name"]: {"summary": answer["summary"], "value": answer["value"]} for answer in recorded(COMMON_NAME)
    }


def _examples(operation: dict[str, Any], answer: Mapping[str, Any]) -> dict[str, Any]:
    """The examples of one status and media type."""
    status, media_type = answer["status"], answer["media_type"]
    response = operation["responses"].setdefault(str(status), {"description": _MEANINGS.get(status, "Success.")})
    content = response.setdefault("content", {})
    if media_type not in content and media_type == problems.MEDIA_TYPE:
        content[media_type] = dict(problems.CONTENT[media_type])
    examples: dict[str, Any] = content[media_type].setdefault("examples", {})
    return examples


def _applies(to: str, path: str, operation: Mapping[str, Any]) -> bool:
    if to == "changes":
        return "security" in operation
    if to == "redis":
        return "/sources" not in path and operation["operationId"] not in ("live", "list_metrics")
    if to == "limited":
        return path.startswith("/api/")
    return to == "all" or operation["operationId"] in to.split()
