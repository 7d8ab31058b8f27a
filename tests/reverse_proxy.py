"""A small reverse proxy: it passes on requests below a path prefix, which it may strip, and names their client."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

PREFIX = "/autoconnect"
_TIMEOUT_S = 120
#: Headers that are about one connection, or that the proxy writes itself.
_OWN = ("connection", "transfer-encoding", "keep-alive", "server", "date")


@contextmanager
def reverse_proxy(port: int, *, strips: bool) -> Iterator[str]:
    """The address of a proxy in front of a port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not self.path.startswith(PREFIX):
                self.send_error(404)
                return
            upstream = HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)
            path = self.path.removeprefix(PREFIX) if strips else self.path
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            seen = ", ".join([*self.headers.get_all("x-forwarded-for", []), self.client_address[0]])
            upstream.request(self.command, path or "/", body, {**dict(self.headers), "X-Forwarded-For": seen})
            with upstream.getresponse() as answer:
                content = answer.read()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in _OWN:
                        self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)
            upstream.close()

        do_POST = do_PUT = do_DELETE = do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
