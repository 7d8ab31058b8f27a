"""Reads what is known of results without a thread: over one connection that belongs to the event loop.

A request that is answered from memory needs nothing else of Redis, and changing to a thread and back costs as much as
the rest of such an answer.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any, cast

import hiredis
from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.exceptions import RedisError

from autoconnect.broker.connection import script_command
from autoconnect.broker.results import ResultInfo, parse_result, read_arguments
from autoconnect.errors import BrokerUnavailable

#: Seconds to connect, and after which a connection without a reply is given up.
_TIMEOUT_S = 1.0
#: Seconds between attempts to connect.
_RETRY_S = 0.25

#: Most reads find what the one before found.
_parsed = lru_cache(maxsize=64)(parse_result)

#: A read whose reply may still be on its way.
Reading = asyncio.Future[ResultInfo | None]
#: Who waits for one read; each has a future of its own, so that it can be cancelled alone.
_Waiters = Sequence[Reading]


class ResultReader:
    """Reads results for one event loop while `run` runs; before, after and while Redis is away, its reads fail.

    A read is sent at once if no other one waits for its reply. Otherwise, reads that are asked for in the same turn of
    the event loop are one command. It is sent after all of them were asked for, so none is answered with what was true
    before.
    """

    def __init__(self, url: str) -> None:
        self._pool = ConnectionPool.from_url(
            url, protocol=2, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S, driver_info=None
        )
        self._published = _command("")
        self._asked: dict[str, list[Reading]] = {}
        self._replies: _Replies | None = None
        self._ended = asyncio.Event()

    def read(self, job_id: str = "") -> Reading:
        """What is known of a job's result, by default of the published one; None if there is none.

        Awaiting it raises BrokerUnavailable if Redis is not connected or answers with an error; `results.read_result`
        may still succeed. A read may be dropped without being awaited.
        """
        loop = asyncio.get_running_loop()
        waiter: Reading = loop.create_future()
        if self._replies is None:
            _fail([waiter], "Redis is not connected.")
        elif not self._asked and self._replies.are_complete:
            self._replies.send(self._command(job_id), [waiter])
        else:
            if not self._asked:
                loop.call_soon(self._send)
            self._asked.setdefault(job_id, []).append(waiter)
        return waiter

    def give_up(self) -> None:
        """End all reads that wait, and connect anew."""
        if self._replies:
            self._replies.abort()

    async def run(self) -> None:
        """Stay connected until `stop`; cancelling is not enough, because the driver may take it for a time-out."""
        while not self._ended.is_set():
            try:
                await self._stay_connected()
            except (RedisError, OSError):  # the watch of Redis logs it
                self._replies = None
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), _RETRY_S)

    def stop(self) -> None:
        """End `run` soon: it may still be connecting."""
        self._ended.set()
        self.give_up()

    async def _stay_connected(self) -> None:
        connection = self._pool.make_connection()
        await connection.connect()
        if self._ended.is_set():
            await connection.disconnect()
            return
        try:
            self._replies = _Replies(_transport(connection))
            await self._replies.watch()
        finally:
            self._replies = None
            await connection.disconnect(nowait=True)  # it no longer sees its transport, so it would wait in vain

    def _send(self) -> None:
        asked, self._asked = self._asked, {}
        for job_id, waiters in asked.items():
            if self._replies is None:
                _fail(waiters, "Redis is not connected.")
            else:
                self._replies.send(self._command(job_id), waiters)

    def _command(self, job_id: str) -> bytes:
        return _command(job_id) if job_id else self._published


class _Replies(asyncio.Protocol):
    """Takes over the transport of a connection, sends commands on it, and passes on their replies in order."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._reader = hiredis.Reader()
        self._waiting: deque[tuple[float, _Waiters]] = deque()
        self._lost: asyncio.Future[None] = self._loop.create_future()
        transport.set_protocol(self)

    @property
    def are_complete(self) -> bool:
        """Whether no command waits for its reply."""
        return not self._waiting

    async def watch(self) -> None:
        """Return when the connection is lost; give it up if it does not reply in time."""
        while not self._lost.done():
            await asyncio.wait((self._lost,), timeout=_TIMEOUT_S / 2)
            if self._waiting and self._waiting[0][0] + _TIMEOUT_S < self._loop.time():
                self.abort()

    def abort(self) -> None:
        self._transport.abort()

    def send(self, command: bytes, waiters: _Waiters) -> None:
        if self._lost.done():
            _fail(waiters, "Redis is not connected.")
            return
        self._waiting.append((self._loop.time(), waiters))
        self._transport.write(command)

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        while (reply := self._reader.gets()) is not False:
            _answer(self._waiting[0][1], reply)  # stays until then: `connection_lost` fails it if this raises
            self._waiting.popleft()

    def connection_lost(self, error: Exception | None) -> None:
        for _, waiters in self._waiting:
            _fail(waiters, f"The connection to Redis is lost: {error}")
        self._waiting.clear()
        if not self._lost.done():
            self._lost.set_result(None)


def _answer(waiters: _Waiters, reply: Any) -> None:
    if isinstance(reply, Exception):  # such as that Redis does not have the script yet
        _fail(waiters, f"Redis answers with an error: {reply}")
        return
    info = _parsed(*reply) if reply else None
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(info)


def _fail(waiters: _Waiters, message: str) -> None:
    for waiter in waiters:
        if not waiter.done():
            waiter.set_exception(BrokerUnavailable(message))
            waiter.exception()  # otherwise asyncio logs the error of a read that nobody waits for


def _command(job_id: str) -> bytes:
    command: Any = script_command("read_result", *read_arguments(job_id))
    packed: bytes = hiredis.pack_command(command)
    return packed


def _transport(connection: AbstractConnection) -> asyncio.Transport:
    """The transport of a connection that is ready for commands: over TCP, TLS or a Unix socket, with its password."""
    writer = connection._writer
    assert writer is not None
    return cast(asyncio.Transport, writer.transport)  # typed as one that only writes
