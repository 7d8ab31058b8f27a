"""A streamed answer gives its memory back when it ends, however it ends, and no client can hold it for long."""

import asyncio
from collections.abc import Iterator
from itertools import repeat

import pytest
from anyio import CapacityLimiter
from starlette.types import Message

from api import streams
from api.room import Lease, Room
from api.streams import Stream

MIB = 1 << 20


class Client:
    """A client that takes the first messages of an answer, and may then leave, or never take another one."""

    def __init__(self, takes: int, leaves: bool) -> None:
        self.messages: list[Message] = []
        self._takes = takes
        self._leaves = leaves
        self._has_taken = asyncio.Event()

    async def send(self, message: Message) -> None:
        if len(self.messages) == self._takes:
            await asyncio.Event().wait()
        self.messages.append(message)
        if len(self.messages) == self._takes:
            self._has_taken.set()

    async def receive(self) -> Message:
        await self._has_taken.wait()
        if not self._leaves:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}


async def sent(pieces: Iterator[bytes], client: Client) -> None:
    """Send pieces; the memory that they hold must be free then."""
    room = Room(8 * MIB)
    lease: Lease = await room.take(7 * MIB)
    await Stream(pieces, "text/csv", lease, CapacityLimiter(1))(
        {"type": "http", "path": "/x"}, client.receive, client.send
    )
    await room.take(7 * MIB)


def test_an_answer_that_is_taken_as_a_whole_is_complete() -> None:
    async def scenario() -> None:
        client = Client(takes=10, leaves=False)
        await sent(iter([b"a", b"b"]), client)
        assert [message.get("body") for message in client.messages] == [None, b"a", b"b", b""]
        assert [message.get("more_body") for message in client.messages] == [None, True, True, False]

    asyncio.run(scenario())


def test_a_client_that_leaves_ends_an_answer_at_once() -> None:
    asyncio.run(sent(repeat(b"x"), Client(takes=3, leaves=True)))


def test_a_client_that_takes_nothing_more_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_PATIENCE_S", 0.01)
    client = Client(takes=3, leaves=False)
    asyncio.run(sent(repeat(b"x"), client))
    assert client.messages[-1]["more_body"]  # the answer is not complete


def test_a_client_that_takes_an_answer_in_time_may_be_as_slow_as_it_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_PATIENCE_S", 0.01)
    monkeypatch.setattr(streams, "_LEAST_BYTES_PER_S", 1)

    class Slow(Client):
        async def send(self, message: Message) -> None:
            await asyncio.sleep(0.02 if message.get("body") == b"last" else 0)
            await super().send(message)

    client = Slow(takes=10, leaves=False)
    asyncio.run(sent(iter([b"first", b"last"]), client))
    assert not client.messages[-1]["more_body"]


def test_an_error_while_pieces_are_made_gives_the_memory_back() -> None:
    def pieces() -> Iterator[bytes]:
        yield b"x"
        raise KeyError("x")

    async def scenario() -> None:
        room = Room(8 * MIB)
        stream = Stream(pieces(), "text/csv", await room.take(7 * MIB), CapacityLimiter(1))
        client = Client(takes=10, leaves=False)
        with pytest.raises(KeyError):
            await stream({"type": "http", "path": "/x"}, client.receive, client.send)
        await room.take(7 * MIB)

    asyncio.run(scenario())
