"""Checks of every answer beyond its OpenAPI description, and a hook that changes calls that would be wasted.

Schemathesis loads this in its own process; see openapi.toml.
"""

import json
from typing import Any

import schemathesis
from schemathesis import Case, CheckContext, HookContext, Response

from tests.fuzz.openapi import CHECKED

_PROBLEM = "application/problem+json"


@schemathesis.check
def errors_are_problems(ctx: CheckContext, response: Response, case: Case[Any]) -> None:
    """Every error is a problem document, for any path and method."""
    if response.status_code < 400:
        return
    assert response.headers.get("content-type") == [_PROBLEM], f"an error came as {response.headers['content-type']}"
    problem = json.loads(response.content)
    assert problem["status"] == response.status_code, "a problem has another status than its answer"
    assert problem["title"], "a problem has no title"
    assert problem["detail"], "a problem has no detail"


@schemathesis.check
def unreadable_values_are_named(ctx: CheckContext, response: Response, case: Case[Any]) -> None:
    """A 422 problem has an entry for each faulty parameter or field, unless an Idempotency-Key was used twice."""
    if response.status_code != 422 or _is_key_used_twice(response):
        return
    errors = json.loads(response.content).get("errors", [])
    assert errors, "a 422 names no faulty parameter or field"
    assert all(error["name"] and error["message"] for error in errors), "a 422 has an entry without name or message"


@schemathesis.check
def jobs_are_accepted(ctx: CheckContext, response: Response, case: Case[Any]) -> None:
    """A well-formed body always gets 202 and the location of the job; its description cannot count bytes."""
    if _operation_id(case) != "submit_job" or case.method != "POST":
        return
    if not _is_positive(case) or _is_key_used_twice(response) or _has_too_many_bytes(response):
        return
    assert response.status_code in (202, 401), f"a well-formed job was answered with {response.status_code}"
    if response.status_code == 202:
        assert response.headers["location"] == [f"/api/v1/jobs/{json.loads(response.content)['id']}"]


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """Change calls that would waste others, or themselves, and those that are better than described.

    An upload never hides the source that checks read: GET /sources lists it, and so uploads use its name. Valid calls
    of a metric don't have the options of other metrics, since nearly all would be refused for these alone. A job
    and its fields may be null, as some clients send what is not given: they get a number, which is always wrong.
    """
    operation = _operation_id(case)
    if operation == "put_source" and case.path_parameters["name"] == CHECKED:
        case.path_parameters["name"] = f"new-{CHECKED}"
    if operation == "submit_job" and case.body is None:
        case.body = 0
    if operation == "submit_job" and isinstance(case.body, dict):
        case.body = {name: 0 if value is None else value for name, value in case.body.items()}
    if operation == "get_metric" and _is_positive(case):
        for option, metric in (("n", "top-models"), ("months", "trend"), ("compare", "summary")):
            if case.path_parameters["name"] != metric:
                case.query.pop(option, None)


def _operation_id(case: Case[Any]) -> str | None:
    operation_id: str | None = case.operation.definition.raw.get("operationId")
    return operation_id


def _is_positive(case: Case[Any]) -> bool:
    return case.meta is not None and case.meta.generation.mode.is_positive


def _is_key_used_twice(response: Response) -> bool:
    return response.status_code == 422 and b"This Idempotency-Key has been used" in response.content


def _has_too_many_bytes(response: Response) -> bool:
    return response.status_code == 422 and b"bytes; expected at most" in response.content
