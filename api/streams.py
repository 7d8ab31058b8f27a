"""Large bodies, in pieces: each is made when the client has taken the one before."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Protocol

import structlog
from anyio import CapacityLimiter, to_thread
from fastapi.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

log: structlog.stdlib.BoundLogger = structlog.get_logger()

#: Seconds that a client may let an answer wait, in all ...
_PATIENCE_S = 30.0
#: ... and bytes that give it one second more: a client that reads more slowly is cut off.
_LEAST_BYTES_PER_S = 64 << 10


class Held(Protocol):
    """What an answer holds until it ends, such as memory."""

    def release(self) -> None: ...


class Stream(StreamingResponse):
    """Pieces that are made by some threads while they are sent; what it holds is released however it ends."""

    def __init__(
        self,
        pieces: Iterator[bytes],
        media_type: str,
        held: Held,
        threads: CapacityLimiter,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(_made_in(threads, pieces), media_type=media_type, headers=headers)
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, _InTime(send).send)
        except TimeoutError:  # the server closes the connection, because the answer is not complete
            log.warning("client cut off: it reads too slowly", path=scope["path"])
        finally:
            self._held.release()


class _InTime:
    """Raises TimeoutError once a client has let an answer wait too long."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._patience_s = _PATIENCE_S

    async def send(self, message: Message) -> None:
        begun = time.monotonic()
        async with asyncio.timeout(self._patience_s):
            await self._send(message)
        self._patience_s += len(message.get("body", b"")) / _LEAST_BYTES_PER_S - (time.monotonic() - begun)


async def _made_in(threads: CapacityLimiter, pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    while (piece := await to_thread.run_sync(next, pieces, None, limiter=threads)) is not None:
        yield piece
