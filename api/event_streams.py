"""Streams of server-sent events: what one client is still to be told, and how it is sent."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import NamedTuple, Self

import structlog
from fastapi.responses import StreamingResponse
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from starlette.types import Message, Receive, Scope, Send

from api.answers import shortened
from autoconnect.broker.events import JobEvent, parse_id

log: structlog.stdlib.BoundLogger = structlog.get_logger()

#: Seconds without an event after which a client gets a comment: proxies cut idle connections.
_KEEP_ALIVE_S = 15.0
#: Seconds that a client may let an event wait.
_PATIENCE_S = 30.0
#: Milliseconds after which a client is to connect again.
_RETRY_MS = 1_000
#: Jobs whose events may wait for one client.
_MAX_PENDING = 5_000
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class Told(NamedTuple):
    """A job's newest event as it is sent."""

    id: str
    #: The time in ms and number of the entry that it is about; those of one job increase.
    entry: tuple[int, int]
    job_id: str
    ends: bool
    text: bytes

    @classmethod
    def of(cls, event: JobEvent) -> Self:
        entry, job = event
        event_id = f"{entry}:{job.id}"
        text = format_sse_event(event="job", data_str=shortened(job).model_dump_json(), id=event_id)
        return cls(event_id, parse_id(entry), job.id, job.status.ended, text)


class Watcher:
    """A client that waits for events of one job, or of all; only the event loop's thread uses it.

    Of each job it is told the newest event only, so what waits for a slow client is bounded by the number of jobs.
    """

    def __init__(self, job_id: str | None, last_id: str | None) -> None:
        self.job_id = job_id
        self.last_id = last_id
        self._reached = (0, 0)
        self._pending: dict[str, bytes] = {}
        self._has_news = asyncio.Event()
        self._is_over = False

    @property
    def last_time_ms(self) -> int | None:
        """The time of the last event that the client knows."""
        try:
            return parse_id((self.last_id or "").partition(":")[0])[0]
        except ValueError:
            return None

    def tell(self, told: Told) -> None:
        """Send a job's event, unless the client's last one is the same or newer; the end of its job ends the stream."""
        if self.job_id and told.entry < self._reached:
            return
        self._reached = told.entry
        if told.id != self.last_id:
            self.say(told.job_id, told.text)
            self.last_id = told.id
        if told.ends and self.job_id:
            self.end()

    def say(self, topic: str, text: bytes) -> None:
        """Send a text in place of one of the same topic that still waits."""
        self._pending.pop(topic, None)
        self._pending[topic] = text
        self._has_news.set()
        if len(self._pending) > _MAX_PENDING:  # it connects again, and gets a snapshot
            self.end()

    def end(self) -> None:
        """End the stream after what waits has been sent."""
        self._is_over = True
        self._has_news.set()

    async def texts(self) -> AsyncIterator[bytes]:
        """What is sent to the client, until the end."""
        yield format_sse_event(retry=_RETRY_MS)
        while self._pending or not self._is_over:
            with suppress(TimeoutError):
                async with asyncio.timeout(_KEEP_ALIVE_S):
                    await self._has_news.wait()
            self._has_news.clear()
            text = b"".join(self._pending.values())
            self._pending.clear()
            if text or not self._is_over:
                yield text or KEEPALIVE_COMMENT


class EventStream(StreamingResponse):
    """Sends a watcher's events; calls `begin` before, and `leave` however it ends.

    FastAPI's own class is only for routes that are generators: those cannot answer 404 or 204.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        watcher: Watcher,
        begin: Callable[[Watcher], None],
        leave: Callable[[Watcher], None],
        patience_s: float = _PATIENCE_S,
    ) -> None:
        super().__init__(watcher.texts(), headers=_HEADERS)
        self._watcher = watcher
        self._begin, self._leave = begin, leave
        self._patience_s = patience_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(self._patience_s):
                await send(message)

        self._begin(self._watcher)
        try:
            await super().__call__(scope, receive, send_in_time)
        except TimeoutError:  # the server closes the connection, because the answer is not complete
            log.warning("client cut off: it reads events too slowly", path=scope["path"])
        finally:
            self._leave(self._watcher)


def removed(job_id: str) -> bytes:
    """Says that a job no longer exists."""
    return format_sse_event(event="removed", data_str=f'{{"id":"{job_id}"}}')
