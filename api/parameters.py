"""Refuses parameters that a call does not have or has only once; the API's own description says which those are."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from fastapi import Request

from autoconnect.errors import SelectionError

#: Characters of an unknown name that an error shows.
_MAX_SHOWN = 200


class Parameters:
    """The parameters of every call: by its operation id and their names, whether each may be repeated."""

    def __init__(self, description: Mapping[str, Any]) -> None:
        """Read them from an OpenAPI description."""
        operations = [operation for path in description["paths"].values() for operation in path.values()]
        self._repeatable = {operation["operationId"]: _repeatable(operation) for operation in operations}

    def check(self, operation_id: str, request: Request) -> None:
        """Raise SelectionError, which names the parameter, if one is unknown or wrongly repeated."""
        if operation_id in self._repeatable:
            _check(self._repeatable[operation_id], request)


async def check_parameters(request: Request) -> None:
    """Dependency of every route; those without a description, such as the pages, take any parameters."""
    _check_text(request)
    parameters: Parameters = request.app.state.parameters
    parameters.check(request.scope["route"].name, request)


def _check_text(request: Request) -> None:
    """Raise SelectionError if the URL has bytes that are not UTF-8: they would be read as other letters."""
    if not _is_utf8(request.scope["raw_path"]):
        raise SelectionError("path", "The path has a percent sequence that is not UTF-8, such as %E9; expected %C3%A9.")
    for part in request.scope["query_string"].split(b"&"):
        if not _is_utf8(part):
            name = unquote_to_bytes(part.partition(b"=")[0]).decode(errors="replace")[:_MAX_SHOWN]
            raise SelectionError(
                name or "query", f"{name} has a percent sequence that is not UTF-8, such as %E9; expected %C3%A9."
            )


def _is_utf8(encoded: bytes) -> bool:
    if b"%" not in encoded and encoded.isascii():  # like most parts
        return True
    try:
        unquote_to_bytes(encoded).decode()
    except UnicodeDecodeError:
        return False
    return True


def _repeatable(operation: Mapping[str, Any]) -> dict[str, bool]:
    return {
        parameter["name"]: _is_list(parameter["schema"])
        for parameter in operation.get("parameters", ())
        if parameter["in"] == "query"
    }


def _is_list(schema: Mapping[str, Any]) -> bool:
    return any(kind.get("type") == "array" for kind in (schema, *schema.get("anyOf", ())))


def _check(repeatable: Mapping[str, bool], request: Request) -> None:
    seen = set()
    for name, _ in request.query_params.multi_items():
        if name not in repeatable:
            known = ", ".join(repeatable) or "none"
            raise SelectionError(
                name or "query", f"{name[:_MAX_SHOWN]!r} is not a parameter of this call; expected {known}."
            )
        if name in seen and not repeatable[name]:
            raise SelectionError(name, f"{name} is sent more than once; expected one value.")
        seen.add(name)
