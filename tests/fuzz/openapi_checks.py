"""What the contract asks of every answer, beyond what the OpenAPI description says of it, and which calls are wasted.

Schemathesis loads this in its own process; see openapi.toml.
"""

import json
from typing import Any

import schemathesis
from schemathesis import Case, CheckContext, HookContext, Response

_PROBLEM = "application/problem+json"


@schemathesis.check
def errors_are_problems(ctx: CheckContext, response: Response, case: Case[Any]) -> None:
    """Whatever was called, by whatever method."""
    if response.status_code < 400:
        return
    assert response.headers.get("content-type") == [_PROBLEM], f"an error came as {response.headers['content-type']}"
    problem = json.loads(response.content)
    assert problem["status"] == response.status_code, "a problem tells another status than its answer"
    assert problem["title"], "a problem has no title"
    assert problem["detail"], "a problem has no detail"


@schemathesis.check
def unreadable_values_are_named(ctx: CheckContext, response: Response, case: Case[Any]) -> None:
    """A problem with status 422 has one entry for each parameter or field, but where one key stands for two jobs."""
    if response.status_code != 422 or _is_key_used_twice(response):
        return
    errors = json.loads(response.content).get("errors", [])
    assert errors, "a 422 names nothing that is at fault"
    assert all(error["name"] and error["message"] for error in errors), "a 422 has an entry that says nothing"


@schemathesis.check
def jobs_are_accepted(ctx: CheckContext, response: Response, case: Case[Any]) -> None:
    """A well-formed body: always 202, and where to find the job."""
    if _operation_id(case) != "submit_job" or case.method != "POST":
        return
    if not _is_positive(case) or _is_key_used_twice(response):
        return
    assert response.status_code in (202, 401), f"a well-formed job was answered with {response.status_code}"
    if response.status_code == 202:
        assert response.headers["location"] == [f"/api/v1/jobs/{json.loads(response.content)['id']}"]


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """Takes from good calls of a metric the options of other metrics: nearly all would be refused for these alone."""
    if _operation_id(case) != "get_metric" or not _is_positive(case):
        return
    for option, metric in (("n", "top-models"), ("months", "trend")):
        if case.path_parameters["name"] != metric:
            case.query.pop(option, None)


def _operation_id(case: Case[Any]) -> str | None:
    operation_id: str | None = case.operation.definition.raw.get("operationId")
    return operation_id


def _is_positive(case: Case[Any]) -> bool:
    return case.meta is not None and case.meta.generation.mode.is_positive


def _is_key_used_twice(response: Response) -> bool:
    return response.status_code == 422 and b"This Idempotency-Key has been used" in response.content
