"""Logs each change that a client asks for: who asked, what for, and how it ended."""

from dataclasses import dataclass
from time import perf_counter
from typing import Annotated, cast

import structlog
from fastapi import Depends, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import audit, request_ids
from api.access import SAFE_METHODS
from api.route_table import Operation, RouteTable

log: structlog.stdlib.BoundLogger = structlog.get_logger()

#: The name of a request's change in its scope.
_CHANGE = "autoconnect.change"
#: Characters of a name in a log line: the URL may have any.
_MAX_NAME = 200


@dataclass
class Change:
    """What a request changes, as far as it is known."""

    job: str | None = None
    source: str | None = None


async def _change_of(request: Request) -> Change:
    return cast(Change, request.scope[_CHANGE])


Changing = Annotated[Change, Depends(_change_of)]


class ChangeLog:
    """Binds the id of a request to all log lines that it causes, and logs a line for each change after its answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        structlog.contextvars.bind_contextvars(request_id=request_ids.recall(scope))
        operation = None if scope["method"] in SAFE_METHODS else _operation(scope)
        if operation:
            await self._log(operation, scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _log(self, operation: Operation, scope: Scope, receive: Receive, send: Send) -> None:
        parameters, started_at = operation.path_parameters, perf_counter()
        change = Change(parameters.get("job_id"), parameters.get("name"))
        status = 500  # the answer to an unexpected error is made outside of this layer

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app({**scope, _CHANGE: change}, receive, send_and_note)
        finally:
            names = {"job": change.job, "source": change.source}
            log.info(
                "change",
                **audit.who(scope),
                operation=operation.id,
                **{name: value[:_MAX_NAME] for name, value in names.items() if value},
                status=status,
                ms=round((perf_counter() - started_at) * 1_000, 1),
            )


def _operation(scope: Scope) -> Operation | None:
    routes: RouteTable = scope["app"].state.route_table
    return routes.operation(scope["method"], scope["path"])
