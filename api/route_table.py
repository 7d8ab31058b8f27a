"""Finds the route of a path: clients can send any path, but there are only as many names as routes."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute

#: The template of all paths that no route has.
UNKNOWN = "unknown"


class Operation(NamedTuple):
    """The operation that a request asks for: its id, and the parameters in the path."""

    id: str
    path_parameters: Mapping[str, str]


class _Entry(NamedTuple):
    template: str
    pattern: re.Pattern[str]
    methods: frozenset[str]
    operation_id: str


class RouteTable:
    """Finds the route of a path without calling it, so that answers that no route has made have its name, too."""

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        self._entries = list(_entries(routes))

    def template(self, path: str) -> str:
        """The path with the names of its parameters, as in the API's description; UNKNOWN if no route has it."""
        return next((entry.template for entry in self._entries if entry.pattern.match(path)), UNKNOWN)

    def operation(self, method: str, path: str) -> Operation | None:
        """The operation of a route that has the path and the method, None if there is none."""
        for entry in self._entries:
            if method in entry.methods and (match := entry.pattern.match(path)):
                return Operation(entry.operation_id, match.groupdict())
        return None


def _entries(routes: Sequence[BaseRoute]) -> Iterable[_Entry]:
    for route in iter_route_contexts(routes):
        if route.path is not None:
            yield _Entry(route.path, route.path_regex, frozenset(route.methods or ()), route.name or "")
