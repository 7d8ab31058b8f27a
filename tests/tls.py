"""TLS in front of a server on a Unix socket, and certificates for it."""

import socket
import socketserver
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread


def certificate(folder: Path) -> Path:
    """Write `ca.crt` for 127.0.0.1, which is its own authority, and `server.key`; return the path of the former."""
    folder.mkdir(exist_ok=True)
    options = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=redis"]
    options += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "server.key", "-out", "ca.crt"]
    subprocess.run(["openssl", "req", "-x509", *options], cwd=folder, capture_output=True, check=True)
    return folder / "ca.crt"


@contextmanager
def tls_before(path: str, authority: Path) -> Iterator[int]:
    """The port of a proxy that speaks TLS to its clients and passes their bytes on to a Unix socket."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority, authority.with_name("server.key"))

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError), context.wrap_socket(self.request, server_side=True) as client, _unix() as upstream:
                upstream.connect(path)
                back = Thread(target=_pass_on, args=(upstream, client))
                back.start()
                _pass_on(client, upstream)
                back.join()

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def _unix() -> socket.socket:
    return socket.socket(socket.AF_UNIX)


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    """Until one side ends: then the other one learns of it."""
    with suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    for each in (source, target):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
