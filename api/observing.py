"""The outermost layer: gives each request an id and measures its answer, those from memory and errors, too.

All requests pay for it, so it copies no context and reads no random bytes.
"""

from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http_durations import HttpDurations
from api.request_ids import HEADER, RequestIds, remember


class Observing:
    """Adds `X-Request-ID` to every answer, and counts its duration."""

    def __init__(self, app: ASGIApp, durations: HttpDurations) -> None:
        self._app = app
        self._durations = durations
        self._ids = RequestIds()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id, started_at = self._ids.of(scope["headers"]), perf_counter()
        remember(scope, request_id)
        status = 500  # the server answers for a request that ends without an answer

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message["headers"], (HEADER, request_id)]}
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        finally:
            self._durations.add(scope["path"], scope["method"], status, perf_counter() - started_at)
