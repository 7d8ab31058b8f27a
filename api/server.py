"""The HTTP server: how much it takes at once, for how long, and what it logs."""

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence

import structlog
import uvicorn
from starlette.types import ASGIApp

from api.limits import MAX_HEADER_BYTES, MAX_URL_BYTES
from api.listener import Listener
from api.protocol import LimitedProtocol
from autoconnect import __version__
from autoconnect.service import Throttle

log: structlog.stdlib.BoundLogger = structlog.get_logger()

#: Bytes of a request head besides its URL and headers: the method and the version.
_FIRST_LINE_BYTES = 1 << 10
#: Seconds that requests have to end after SIGTERM, before they are cut off.
_GRACE_S = 5


class Server(uvicorn.Server):
    """Serves an application, with our own protocol and listeners; uvicorn does the rest.

    When it is to stop, it first calls `on_shutdown`, which ends answers that would go on for ever.
    """

    def __init__(self, app: ASGIApp, on_shutdown: Callable[[], None] = lambda: None) -> None:
        self._on_shutdown = on_shutdown
        config = uvicorn.Config(
            app,
            ws="none",
            h11_max_incomplete_event_size=MAX_URL_BYTES + MAX_HEADER_BYTES + _FIRST_LINE_BYTES,
            timeout_graceful_shutdown=_GRACE_S + 1,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # otherwise a client on this machine could claim any address
        )
        super().__init__(config)
        logging.getLogger("uvicorn.error").addFilter(_WarningsOnceASecond())

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=[])
        self._listener = Listener(sockets or (), self._make_protocol)
        self._listener.start()
        log.info("API ready", url=_url(sockets or ()), version=__version__)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._listener.stop()
        self._on_shutdown()
        asyncio.get_running_loop().call_later(_GRACE_S, self._cut_off)
        await super().shutdown(sockets=[])

    def _cut_off(self) -> None:
        """End all connections: their requests end as if the clients had gone."""
        for connection in tuple(self.server_state.connections):
            connection.transport.abort()

    def _make_protocol(self) -> LimitedProtocol:
        return LimitedProtocol(self.config, self.server_state, self.lifespan.state)


def _url(sockets: Sequence[socket.socket]) -> str:
    """The URL of the first address that the server listens on."""
    host, port = sockets[0].getsockname()[:2] if sockets else ("", 0)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _WarningsOnceASecond(logging.Filter):
    """Drops warnings within a second after another: uvicorn warns of each request that is not HTTP."""

    def __init__(self) -> None:
        super().__init__()
        self._throttle = Throttle(1.0)

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno != logging.WARNING or self._throttle.is_due()
