"""Errors as RFC 9457 problem documents."""

from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match, Mount

from api.faults import body_problem, sentence_of
from api.proxies import public_path
from autoconnect.errors import BrokerUnavailable, SelectionError, SourceError, SourceNotFound

log: structlog.stdlib.BoundLogger = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"
#: Invalid fields that an answer names: a body of 64 KiB can have thousands.
_MAX_ERRORS = 100
_METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")


class ProblemError(BaseModel):
    """The error in one parameter or field."""

    name: str
    message: str


class ProblemColumn(BaseModel):
    """A column of a source that cannot be read."""

    name: str
    meaning: str | None = Field(description="Null if its name is not known.")


class ProblemDocument(BaseModel):
    """An error (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str
    errors: list[ProblemError] = Field(default=[], description="With status 422: each invalid parameter or field.")
    job_status: str = Field(default="", description="With status 409: the status of the job.")
    columns: list[ProblemColumn] = Field(
        default=[], description="With status 422 about the columns of a source: those to choose from."
    )


class Problem(Exception):
    """Raised by a route to answer with an error."""

    def __init__(
        self, status: int, detail: str, *, headers: dict[str, str] | None = None, job_status: str | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers
        self.job_status = job_status


#: How the description shows a problem.
CONTENT: dict[str, Any] = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}
#: Every operation may answer with a problem.
RESPONSES: dict[int | str, dict[str, Any]] = {"default": {"description": "An error.", "content": CONTENT}}


def install(app: FastAPI) -> None:
    """Makes the application answer every error with a problem document.

    The handlers are async, because Starlette runs others in a thread, and no thread may be free.
    """
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(SelectionError, _on_selection_error)
    app.add_exception_handler(SourceError, _on_source_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(BrokerUnavailable, _on_broker_unavailable)
    app.add_exception_handler(ClientDisconnect, _on_disconnect)
    app.add_exception_handler(Exception, _on_exception)


def answer(request: Request, problem: Problem) -> JSONResponse:
    """Turns a problem into an answer."""
    fields = {"job_status": problem.job_status} if problem.job_status else {}
    return _answer(request, problem.status, problem.detail, problem.headers, **fields)


def unavailable(request: Request, error: Exception) -> JSONResponse:
    """The answer while Redis does not answer, or answers with an error."""
    return _answer(request, 503, str(error), {"Retry-After": "1"})


def _answer(
    request: Request,
    status: int,
    detail: str,
    headers: dict[str, str] | None = None,
    **fields: Any,
) -> JSONResponse:
    path = quote(public_path(request.scope))  # not request.url.path, which the Host header can change
    document = ProblemDocument(title=HTTPStatus(status).phrase, status=status, detail=detail, instance=path, **fields)
    return JSONResponse(
        document.model_dump(exclude_defaults=True) | {"type": document.type},
        status_code=status,
        headers=headers,
        media_type=MEDIA_TYPE,
    )


async def _on_problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    return answer(request, error)


async def _on_selection_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, SelectionError)
    return _answer(request, 422, str(error), errors=[ProblemError(name=error.name, message=str(error))])


async def _on_source_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, SourceError)
    if isinstance(error, SourceNotFound):
        return _answer(request, 404, str(error))
    errors = [ProblemError(name=error.part or "name", message=str(error))]
    columns = [ProblemColumn(name=name, meaning=meaning) for name, meaning in error.columns]
    return _answer(request, 422, str(error), errors=errors, columns=columns)


async def _on_validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    sentences = [sentence_of(fault, error) for fault in error.errors()[:_MAX_ERRORS]]
    errors = [ProblemError(name=name, message=message) for name, message in sentences]
    return _answer(request, 422, " ".join(fault.message for fault in errors), errors=errors)


async def _on_http_exception(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(allowed_methods(request))
    return _answer(request, error.status_code, body_problem(error) or str(error.detail), headers)


def allowed_methods(request: Request) -> list[str]:
    """The methods of all routes of a path; the router names only those of the first route that matches.

    Each route of GET is one of HEAD, and every path that has a route answers OPTIONS.
    """
    served = {method for method in _METHODS if is_served(request, method)}
    if "GET" in served:
        served.add("HEAD")
    if served:
        served.add("OPTIONS")
    return [method for method in _METHODS if method in served]


def is_served(request: Request, method: str) -> bool:
    """Whether a route of the path itself answers this method; folders of files have GET."""
    scope = {**request.scope, "method": method}
    routes = (route for route in request.app.routes if method == "GET" or not isinstance(route, Mount))
    return any(route.matches(scope)[0] is Match.FULL for route in routes)


async def _on_broker_unavailable(request: Request, error: Exception) -> JSONResponse:
    return unavailable(request, error)


async def _on_disconnect(request: Request, error: Exception) -> JSONResponse:
    log.info("client disconnected", path=request.scope["path"])
    return _answer(request, 400, "The body ended before it was complete.")


async def _on_exception(request: Request, error: Exception) -> JSONResponse:
    log.error("request failed", path=request.scope["path"], exc_info=error)
    return _answer(request, 500, "An unexpected error occurred; the log of the api service says which.")
