"""Checks every request before a route sees it, and adds headers to every answer."""

from collections.abc import Callable, Sequence

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import limits, problems
from api.problems import Problem

Check = Callable[[Request], None]

#: Pages load files from this origin only, run no inline script, and are shown in no frame.
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    b"content-security-policy": CONTENT_POLICY.encode(),
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"camera=(), geolocation=(), microphone=()",
}
#: API answers change with every job and may need a key: never cache them.
_API_HEADERS = {b"cache-control": b"no-store"}


class Gate:
    """Answers a request that a check refuses, and passes on all others."""

    def __init__(self, app: ASGIApp, checks: Sequence[Check]) -> None:
        self._app = app
        self._checks = checks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        try:
            for check in self._checks:
                check(request)
        except Problem as problem:
            await problems.answer(request, problem)(scope, receive, send)
            return
        await self._app(scope, receive if limits.is_upload(request) else limits.limited(receive), send)


class SecurityHeaders:
    """Adds headers that restrict browsers, unless the answer sets them itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = SECURITY_HEADERS | (_API_HEADERS if scope.get("path", "").startswith("/api/") else {})

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name.lower() for name, _ in message["headers"]}
                added = [(name, value) for name, value in headers.items() if name not in own]
                message = {**message, "headers": [*message["headers"], *added]}
            await send(message)

        await self._app(scope, receive, send_with_headers)
