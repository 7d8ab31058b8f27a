"""HTTP on one connection, on top of uvicorn's: limits of time, problems for what is not HTTP, and orderly ends.

A server that closes a connection while the client still sends resets it, and the client loses the answer. So after an
answer to a request that has not been read whole, the rest of it is received and dropped, up to a limit.
"""

import asyncio
import json
import sys
from enum import Enum
from http import HTTPStatus
from typing import Any, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from api import limits
from api.early_read import EARLY_READ, READER, EarlyRead
from api.gate import SECURITY_HEADERS
from api.problems import MEDIA_TYPE

#: Bytes of a rejected request that are dropped: more than most uploads have, and less than a second on one machine.
_MAX_DROPPED_BYTES = 256 << 20
#: Characters of the reason why something is not HTTP.
_MAX_REASON = 200


class _Wait(Enum):
    """What a connection waits for, and the seconds after which it is cut off."""

    HEAD = 15.0
    END_OF_REJECTED_REQUEST = 10.0


class LimitedProtocol(H11Protocol):
    """Closes a connection that sends no complete request head in time, and receives the rest of a rejected request."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._wait: _Wait | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._dropped_bytes = 0
        self._lingering = _LingeringTransport(cast(asyncio.Transport, transport), self)
        self._early_read = EarlyRead(self.app_state[READER])
        self.app_state = {**self.app_state, EARLY_READ: self._early_read}
        super().connection_made(self._lingering)
        self.limit_wait()

    def data_received(self, data: bytes) -> None:
        if self._wait is _Wait.END_OF_REJECTED_REQUEST:
            self._dropped_bytes += len(data)
            if self._dropped_bytes > _MAX_DROPPED_BYTES:
                self.transport.abort()
        if not self.transport.is_closing():
            self._early_read.begin(data)
            super().data_received(data)
            self.limit_wait()

    def on_response_complete(self) -> None:
        self._early_read.drop()
        super().on_response_complete()
        self.limit_wait()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._timer:
            self._timer.cancel()

    def shutdown(self) -> None:
        if self._wait is _Wait.END_OF_REJECTED_REQUEST:
            self.transport.abort()
        else:
            super().shutdown()

    def limit_wait(self) -> None:
        """Set the timer if the connection begins to wait for something else."""
        wait = self._waits_for()
        if wait is self._wait:
            return
        if self._timer:
            self._timer.cancel()
        self._wait, self._dropped_bytes = wait, 0
        self._timer = self.loop.call_later(wait.value, self.transport.abort) if wait else None

    def _waits_for(self) -> _Wait | None:
        if self._lingering.lingers or (self.conn.our_state is h11.DONE and self.conn.their_state is h11.SEND_BODY):
            return _Wait.END_OF_REJECTED_REQUEST
        if self.conn.their_state is h11.IDLE and self.timeout_keep_alive_task is None:
            return _Wait.HEAD
        return None

    def has_unread_request(self) -> bool:
        """Whether the client may still be sending a request that has been answered."""
        return self.conn.their_state in (h11.SEND_BODY, h11.ERROR)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP with a problem; uvicorn calls this while it handles h11's error."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._send_problem(*self._problem(sys.exception()))
        if self.cycle:
            self.cycle.disconnected = True  # the application must not answer, too
            self.cycle.message_event.set()
        self.transport.close()

    def _problem(self, error: BaseException | None) -> tuple[int, str]:
        if not isinstance(error, h11.RemoteProtocolError) or error.error_status_hint != 431:
            return 400, f"The request is not valid HTTP: {str(error)[:_MAX_REASON]}."
        has_url = b"\n" in self.conn.trailing_data[0]
        return (431, limits.HEADERS_TOO_LARGE) if has_url else (414, limits.URL_TOO_LONG)

    def _send_problem(self, status: int, detail: str) -> None:
        title = HTTPStatus(status).phrase
        problem = {"type": "about:blank", "title": title, "status": status, "detail": detail}
        body = json.dumps(problem, ensure_ascii=False).encode()
        headers = [
            *self.server_state.default_headers,
            *SECURITY_HEADERS.items(),
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        response = h11.Response(status_code=status, headers=headers, reason=title.encode())
        for event in (response, h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")


class _LingeringTransport(asyncio.Transport):
    """A transport whose `close` ends only its own side at first, if the client may still be sending."""

    def __init__(self, transport: asyncio.Transport, protocol: LimitedProtocol) -> None:
        super().__init__()
        self._transport = transport
        self._protocol = protocol
        self.lingers = False

    def close(self) -> None:
        if self.lingers:
            return
        if self._protocol.conn.our_state is h11.SEND_BODY:  # nobody should wait for the end of an answer that has none
            self._transport.abort()
            return
        if self._transport.is_closing() or not self._protocol.has_unread_request():
            self._transport.close()
            return
        self.lingers = True
        self._transport.write_eof()
        self._transport.resume_reading()
        self._protocol.limit_wait()

    def is_closing(self) -> bool:
        return self.lingers or self._transport.is_closing()

    def abort(self) -> None:
        self._transport.abort()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self.lingers:
            self._transport.write(data)

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)
