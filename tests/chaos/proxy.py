"""The network between the services and Redis: a port for each process, and faults on command.

It runs in a process of its own, so that only faults delay it.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe
from multiprocessing.context import ForkServerContext

from tests.chaos.leashed import die_with_parent

_CHUNK_BYTES = 1 << 16
_START_TIMEOUT_S = 30


class Proxy:
    """The driver's end: the process in each slot reaches Redis through the link of the same name only."""

    def __init__(self, context: ForkServerContext, socket: str, names: Sequence[str]) -> None:
        self._commands, theirs = Pipe()
        self._process = context.Process(target=_run, args=(theirs, socket, names), daemon=True)
        self._process.start()
        theirs.close()
        if not self._commands.poll(_START_TIMEOUT_S):
            raise TimeoutError("the proxy does not start")
        ports: Mapping[str, int] = self._commands.recv()
        self.urls = {name: f"redis://127.0.0.1:{port}/0" for name, port in ports.items()}

    def lose_reply(self, name: str, nth: int) -> None:
        """Let Redis get the nth request from now on, and lose its reply with the connection."""
        self._commands.send((name, "lose_in", nth))

    def cut(self, name: str) -> None:
        """End all connections, whatever is under way."""
        self._commands.send((name, "cut", True))

    def refuse(self, name: str, yes: bool) -> None:
        """Refuse new connections, and end those that exist."""
        self._commands.send((name, "refuses", yes))

    def hold(self, name: str, yes: bool) -> None:
        """Let nothing through in either direction; afterwards all of it arrives late."""
        self._commands.send((name, "holds", yes))

    def make_black_hole(self, name: str, yes: bool) -> None:
        """Keep connections open, those made meanwhile too, but let nothing through them ever again."""
        self._commands.send((name, "swallows", yes))

    def slow(self, name: str, delay_ms: int) -> None:
        """Delay each reply by `delay_ms`; 0 ends the delay."""
        self._commands.send((name, "delay_ms", delay_ms))

    def stop(self) -> None:
        self._process.kill()
        self._process.join()


def _run(commands: Connection, socket: str, names: Sequence[str]) -> None:
    die_with_parent()
    asyncio.run(_serve(commands, socket, names))


async def _serve(commands: Connection, socket: str, names: Sequence[str]) -> None:
    links = {name: _Link(socket) for name in names}
    commands.send({name: await link.listen() for name, link in links.items()})
    ended = asyncio.Event()

    def obey() -> None:
        try:
            name, setting, value = commands.recv()
        except EOFError:
            ended.set()
        else:
            links[name].change(setting, value)

    asyncio.get_running_loop().add_reader(commands.fileno(), obey)
    await ended.wait()


@dataclass(eq=False)
class _Connection:
    """A client's connection and, unless the link swallowed it from the start, one to Redis for it."""

    client: asyncio.StreamWriter
    redis: asyncio.StreamWriter | None = None
    dead: bool = False
    answered: bool = True
    loses_reply: bool = False

    def cut(self) -> None:
        self.client.transport.abort()
        if self.redis:
            self.redis.transport.abort()


class _Link:
    def __init__(self, socket: str) -> None:
        self._socket = socket
        self._connections: set[_Connection] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self._refuses = self._swallows = False
        self._delay_ms = self._lose_in = 0

    async def listen(self) -> int:
        """Listen on a free port, and return it."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        port: int = server.sockets[0].getsockname()[1]
        return port

    def change(self, setting: str, value: int) -> None:
        match setting:
            case "lose_in":
                self._lose_in = value
            case "delay_ms":
                self._delay_ms = value
            case "holds":
                (self._flows.clear if value else self._flows.set)()
            case "refuses":
                self._refuses = bool(value)
            case "swallows":
                self._swallows = bool(value)
                for connection in self._connections:
                    connection.dead |= self._swallows
        if setting == "cut" or self._refuses:
            for connection in list(self._connections):
                connection.cut()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(writer, dead=self._swallows)
        self._connections.add(connection)
        try:
            if not self._refuses:
                await self._connect(reader, connection)
        except OSError:
            pass  # one end is gone; the other one is cut below
        finally:
            connection.cut()
            self._connections.discard(connection)

    async def _connect(self, reader: asyncio.StreamReader, connection: _Connection) -> None:
        if connection.dead:
            while await reader.read(_CHUNK_BYTES):
                pass
            return
        replies, connection.redis = await asyncio.open_unix_connection(self._socket)
        tasks = [
            asyncio.create_task(self._pass_requests(reader, connection.redis, connection)),
            asyncio.create_task(self._pass_replies(replies, connection)),
        ]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _pass_requests(
        self, reader: asyncio.StreamReader, redis: asyncio.StreamWriter, connection: _Connection
    ) -> None:
        while data := await reader.read(_CHUNK_BYTES):
            await self._flows.wait()
            if connection.dead:
                continue
            if connection.answered:
                connection.answered = False
                connection.loses_reply = self._lose_in == 1
                self._lose_in = max(self._lose_in - 1, 0)
            redis.write(data)
            await redis.drain()

    async def _pass_replies(self, replies: asyncio.StreamReader, connection: _Connection) -> None:
        while data := await replies.read(_CHUNK_BYTES):
            if connection.loses_reply:
                return
            if self._delay_ms:
                await asyncio.sleep(self._delay_ms / 1_000)
            await self._flows.wait()
            if connection.dead:
                continue
            connection.answered = True
            connection.client.write(data)
            await connection.client.drain()
