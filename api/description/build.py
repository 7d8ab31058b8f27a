"""Builds the OpenAPI description of the application."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.description.examples import add_examples, common_examples
from api.description.plain import make_plain
from api.description.tags import TAGS
from api.problems import ProblemDocument

#: The models of FastAPI's own errors, which no route gives.
_UNUSED = ("HTTPValidationError", "ValidationError")
#: What FastAPI says of an answer if a route does not.
_SUCCESS = "Successful Response"
#: Models of bodies, whose fields may all be missing.
_BODIES = ("JobRequest",)


def describe(app: FastAPI) -> dict[str, Any]:
    """The description, with problems in place of FastAPI's own errors; it is built once."""
    if app.openapi_schema is None:
        app.openapi_schema = _build(app)
    return app.openapi_schema


def _build(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=app.description,
        routes=app.routes,
        tags=TAGS,
        servers=app.servers or None,
    )
    _replace_errors(document["components"]["schemas"])
    for name in _BODIES:
        for schema in document["components"]["schemas"][name]["properties"].values():
            make_plain(schema)
    for path, operations in document["paths"].items():
        for operation in operations.values():
            _describe_operation(path, operation)
    document["components"]["examples"] = common_examples()
    return document


def _replace_errors(schemas: dict[str, Any]) -> None:
    for name in _UNUSED:
        schemas.pop(name, None)
    problem = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs"), ProblemDocument=problem)


def _describe_operation(path: str, operation: dict[str, Any]) -> None:
    for schema in _inputs(operation):
        make_plain(schema)
    responses = operation["responses"]
    responses.pop("422", None)
    for response in responses.values():
        if response["description"] == _SUCCESS:
            response["description"] = "Success."
    add_examples(path, operation)
    operation["responses"] = {status: responses[status] for status in sorted(responses)}


def _inputs(operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The schemas of the parameters and of the body."""
    for parameter in operation.get("parameters", ()):
        yield parameter["schema"]
    for content in operation.get("requestBody", {}).get("content", {}).values():
        yield content["schema"]
