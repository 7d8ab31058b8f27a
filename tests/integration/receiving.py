"""A receiver of webhooks: an HTTP server on the loopback that keeps what it gets, and answers as a test says."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from tests.e2e.waiting import free_port, wait_until


class Received(NamedTuple):
    """A request; names of headers are in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


class Hook:
    """What the receiver has got, and how it answers."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}/hook"
        self.received: list[Received] = []
        #: Statuses of the next answers; after them, each is 204.
        self.statuses: list[int] = []
        #: While it is not set, a request gets one interim answer after the other, and no final one.
        self.answers = threading.Event()
        self.answers.set()

    @property
    def ids(self) -> list[str]:
        return [each.id for each in self.received]

    def wait_for(self, count: int) -> list[Received]:
        """What has been received, once that are `count` requests."""
        wait_until(f"{count} webhooks", lambda: len(self.received) >= count, poll_s=0.02)
        return self.received


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def do_POST(self) -> None:
        hook = self.server.hook
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        hook.received.append(Received(self.path, headers, body))
        while not hook.answers.wait(0.05):
            self.send_response_only(100)
            self.end_headers()
        self.send_response(hook.statuses.pop(0) if hook.statuses else 204)
        self.send_header("location", f"{hook.url}/elsewhere")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """The test looks at the requests themselves."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, hook: Hook) -> None:
        super().__init__(("127.0.0.1", hook.port), _Handler)
        self.hook = hook

    def handle_error(self, *_: object) -> None:
        """A client that is gone is what some tests make."""


@contextmanager
def receiving(port: int | None = None) -> Iterator[Hook]:
    """A running receiver."""
    hook = Hook(port or free_port())
    with _Server(hook) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield hook
        hook.answers.set()
        server.shutdown()
        thread.join()
