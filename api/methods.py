"""HEAD and OPTIONS of every route: HEAD answers as GET does, without the body, and OPTIONS with the methods."""

from fastapi import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import allowed_methods, is_served


class _Ended(Exception):
    """Raised to end an answer whose body nobody reads."""


class Methods:
    """Answers OPTIONS itself, and HEAD by the route of GET, unless a route answers HEAD."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in ("HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        methods = allowed_methods(request)
        if scope["method"] not in methods or is_served(request, scope["method"]):
            await self._app(scope, receive, send)
        elif scope["method"] == "OPTIONS":
            await Response(status_code=204, headers={"Allow": ", ".join(methods)})(scope, receive, send)
        else:
            await self._head(scope, receive, send)

    async def _head(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
                return
            await send({"type": "http.response.body", "body": b""})
            raise _Ended

        try:
            await self._app({**scope, "method": "GET"}, receive, send_head)
        except _Ended:
            return
