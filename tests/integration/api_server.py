"""The API as a process that listens on a port, for tests of connections, time and limits of the process."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from pathlib import Path
from typing import NamedTuple

from tests.e2e.processes import environment
from tests.e2e.waiting import free_port, wait_until

_TIMEOUT_S = 120


class Answer(NamedTuple):
    """Status, media type and body of an answer."""

    status: int
    media_type: str | None
    body: bytes


class ApiServer:
    """A running API process; all that it prints goes to the file `messages`."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, messages: Path) -> None:
        self.process = process
        self.port = port
        self.messages = messages
        self.url = f"http://127.0.0.1:{port}"

    def connect(self, sent: bytes = b"") -> socket.socket:
        """A new connection, on which `sent` has been sent."""
        connection = socket.create_connection(("127.0.0.1", self.port), _TIMEOUT_S)
        connection.sendall(sent)
        return connection

    def ask(self, sent: bytes) -> Answer:
        """The answer to a request as it is sent."""
        with self.connect(sent) as connection:
            return read_answer(connection, sent.partition(b" ")[0].decode("latin-1"))

    def get(self, target: str, *headers: bytes) -> Answer:
        """The answer to a GET on a connection of its own."""
        return self.ask(get(target, *headers, b"Connection: close"))


def get(target: str, *headers: bytes) -> bytes:
    """The bytes of a GET; nothing is escaped or corrected."""
    return b"\r\n".join([f"GET {target} HTTP/1.1".encode(), b"Host: localhost", *headers, b"", b""])


def read_answer(connection: socket.socket, method: str = "GET") -> Answer:
    """The next answer on a connection."""
    response = HTTPResponse(connection, method=method)
    response.begin()
    return Answer(response.status, response.headers["content-type"], response.read())


@contextmanager
def api_server(
    folder: Path, redis_url: str, limit: str = "", module: str = "api.main", **variables: str
) -> Iterator[ApiServer]:
    """An API with its files in `folder`, settings as `variables`, and a limit as the shell's `ulimit` takes it.

    `module` may be followed by arguments.
    """
    port = free_port()
    settings = {
        "REDIS_URL": redis_url,
        "DATA_DIR": str(folder / "data"),
        "UPLOAD_DIR": str(folder / "uploads"),
        "PORT": str(port),
        **variables,
    }
    with (folder / "messages.txt").open("wb") as messages:
        process = subprocess.Popen(
            ["sh", "-c", f'{f"ulimit {limit} && " if limit else ""}exec "$0" -m {module}', sys.executable],
            env=environment({f"AUTOCONNECT_{name}": value for name, value in settings.items()}),
            stdout=messages,
            stderr=messages,
        )
    with process:
        try:
            wait_until("the API", lambda: process.poll() is not None or _listens(port), poll_s=0.02)
            yield ApiServer(process, port, folder / "messages.txt")
        finally:
            process.terminate()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
