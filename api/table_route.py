"""Routes that answer with tables: a model reads all of their parameters at once.

FastAPI reads each parameter on its own, and a metric has more than twenty: on a small result that takes as long as the
metric. The description of the API is still made by FastAPI, from the same signature.
"""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, get_args, get_origin, get_type_hints

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.params import Depends
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError

from api.parameters import check_parameters

_Read = Callable[[Request], Awaitable[Any]]


class TableRoute(APIRoute):
    """A route whose function takes the request, names of the path, dependencies of the request and one model."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler; raises RequestValidationError, as that of FastAPI does, for values that the model refuses."""
        endpoint, readers = self.endpoint, dict(_readers(self.endpoint))
        if not any(isinstance(read, _ModelReader) for read in readers.values()):
            return super().get_route_handler()

        async def handle(request: Request) -> Response:
            await check_parameters(request)
            values = {name: await read(request) for name, read in readers.items()}
            response: Response = await endpoint(request=request, **request.path_params, **values)
            return response

        return handle


class _ModelReader:
    """Reads a model from the query."""

    def __init__(self, model: type[BaseModel]) -> None:
        self._model = model
        fields = model.model_fields.items()
        self._repeatable = {field.alias or name for name, field in fields if get_origin(field.annotation) is list}

    async def __call__(self, request: Request) -> BaseModel:
        given: dict[str, Any] = {}
        for name, value in request.query_params.multi_items():
            if name in self._repeatable:
                given.setdefault(name, []).append(value)
            else:
                given[name] = value
        try:
            return self._model.model_validate(given)
        except ValidationError as error:
            errors = [{**found, "loc": ("query", *found["loc"])} for found in error.errors()]
            raise RequestValidationError(errors) from None


def _readers(endpoint: Callable[..., Any]) -> list[tuple[str, _Read]]:
    """How each argument is read from the request; those of the path are not among them."""
    hints = get_type_hints(endpoint, include_extras=True)
    return [(name, read) for name, hint in hints.items() if (read := _reader(*get_args(hint)))]


def _reader(kind: Any = None, *marks: Any) -> _Read | None:
    for mark in marks:
        if isinstance(mark, Depends) and mark.dependency:
            return mark.dependency
    if marks and isinstance(kind, type) and issubclass(kind, BaseModel):
        return _ModelReader(kind)
    return None
