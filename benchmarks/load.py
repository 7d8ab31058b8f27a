"""Sends requests over kept connections: on each, the next one as soon as the last is answered.

`python -m benchmarks.load PORT PATH CONNECTIONS SECONDS` prints the seconds that each request took, as a JSON list. It
does as little as possible per request, since it shares the cores with the server that is measured. `{}` in PATH is
another number in each request.
"""

import asyncio
import json
import secrets
import sys
import time
from collections.abc import Iterator
from itertools import count, repeat
from typing import Any

_HOST = "127.0.0.1"


class _Requests(asyncio.Protocol):
    def __init__(self, requests: Iterator[bytes], size: int, times_s: list[float]) -> None:
        self._requests = requests
        self._size = size
        self._times_s = times_s
        self._received = 0
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        if self._received == self._size:
            self._times_s.append(time.perf_counter() - self._sent)
            self._received = 0
            self._send()
        elif self._received > self._size:
            raise ValueError(
                f"An answer has {self._received:,} bytes; expected {self._size:,}, the size of the first one."
            )

    def connection_lost(self, error: Exception | None) -> None:
        raise error or ConnectionError("The server closed a connection during the measurement.")

    def _send(self) -> None:
        sent = next(self._requests)
        self._sent = time.perf_counter()
        self._transport.write(sent)


def request(path: str) -> bytes:
    """The bytes of a GET request."""
    return f"GET {path} HTTP/1.1\r\nHost: {_HOST}\r\nAccept: application/json\r\n\r\n".encode()


def requests(path: str) -> Iterator[bytes]:
    """The same request again and again or, if the path has `{}`, with another number of nine digits each time."""
    if "{}" not in path:
        return repeat(request(path))
    return (request(path.replace("{}", f"{number:09}")) for number in count(secrets.randbelow(900_000_000)))


async def load(port: int, path: str, connections: int, seconds: float) -> list[float]:
    """The seconds that each request took; the first answer must be 200, and all others as long as it is."""
    size = await _size_of_answer(port, path)
    loop = asyncio.get_running_loop()
    failed: asyncio.Future[None] = loop.create_future()

    def fail(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if not failed.done():
            failed.set_exception(context.get("exception") or ConnectionError(context["message"]))

    loop.set_exception_handler(fail)
    times_s: list[float] = []
    sent = requests(path)
    for _ in range(connections):
        await loop.create_connection(lambda: _Requests(sent, size, times_s), _HOST, port)
    await asyncio.wait([failed], timeout=seconds)
    if failed.done():
        failed.result()
    return times_s


async def _size_of_answer(port: int, path: str) -> int:
    reader, writer = await asyncio.open_connection(_HOST, port)
    writer.write(next(requests(path)))
    head = await reader.readuntil(b"\r\n\r\n")
    if b" 200 " not in head.partition(b"\r\n")[0]:
        raise ValueError(f"The answer to {path} begins with {head[:50]!r}; expected status 200.")
    writer.close()
    return len(head) + int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])


if __name__ == "__main__":
    port, path, connections, seconds = sys.argv[1:]
    sys.stdout.write(json.dumps(asyncio.run(load(int(port), path, int(connections), float(seconds)))) + "\n")
