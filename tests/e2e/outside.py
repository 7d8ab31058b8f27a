"""A machine outside the containers' networks: a network namespace that answers, and records what reaches it."""

import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.e2e.compose import output, output_or_none
from tests.e2e.waiting import wait_until
from tests.required import require

_PORT = 9_999
_LISTENER = """
import select, socket
tcp, udp = socket.create_server(("", {port})), socket.socket(type=socket.SOCK_DGRAM)
udp.bind(("", {port}))
print("ready", flush=True)
while True:
    for ready in select.select([tcp, udp], [], [])[0]:
        print((ready if ready is udp else ready.accept()[0]).recv(100).decode(), flush=True)
"""
_PROBE = """
import socket
udp = socket.socket(type=socket.SOCK_DGRAM)
try:
    udp.sendto(b"{name} by UDP", {address!r})
except OSError:
    pass
try:
    socket.create_connection({address!r}, 2).sendall(b"{name} by TCP")
except OSError:
    pass
"""


class Outside:
    """What a test knows of the machine outside."""

    def __init__(self, host: str, record: Path) -> None:
        self._address = (host, _PORT)
        self._record = record

    def url(self, path: str) -> str:
        """A URL there; nobody answers."""
        host, port = self._address
        return f"http://{host}:{port}{path}"

    def probe(self, name: str) -> str:
        """A program in Python that tries to send something there, in the name of `name`."""
        return _PROBE.format(name=name, address=self._address)

    def wait_for(self, line: str) -> None:
        wait_until(f"{line!r} to arrive outside", lambda: line in self.seen())

    def seen(self) -> list[str]:
        """What arrived, such as `api by TCP`."""
        return self._record.read_text().splitlines()[1:]


@contextmanager
def machine_outside(folder: Path) -> Iterator[Outside]:
    """Set up the machine, with a route to this one and so to all containers."""
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    token, number = secrets.token_hex(4), secrets.randbelow(1 << 14)
    space, near, far = f"ac-{token}", f"{token}-n", f"{token}-f"
    network = f"198.18.{number >> 6}.{number % 64 * 4}"  # of a range that no network uses (RFC 2544)
    gateway, host = (f"{network.rpartition('.')[0]}.{number % 64 * 4 + last}" for last in (1, 2))
    with ExitStack() as cleanup:
        if output_or_none(*as_root, "ip", "netns", "add", space) is None:
            require("namespaces", "no network namespace can be made here")
        cleanup.callback(output, *as_root, "ip", "netns", "delete", space)
        output(*as_root, "ip", "link", "add", near, "type", "veth", "peer", "name", far, "netns", space)
        cleanup.callback(output, *as_root, "ip", "link", "delete", near)
        output(*as_root, "ip", "address", "add", f"{gateway}/30", "dev", near)
        output(*as_root, "ip", "link", "set", near, "up")
        output(*as_root, "ip", "-n", space, "address", "add", f"{host}/30", "dev", far)
        output(*as_root, "ip", "-n", space, "link", "set", far, "up")
        output(*as_root, "ip", "-n", space, "route", "add", "default", "via", gateway)
        record = folder / "outside.txt"
        with record.open("w") as file:
            listener = subprocess.Popen(
                [*as_root, "ip", "netns", "exec", space, "python3", "-c", _LISTENER.format(port=_PORT)], stdout=file
            )
        cleanup.callback(listener.wait)
        cleanup.callback(listener.terminate)
        wait_until("the listener outside", lambda: "ready" in record.read_text())
        yield Outside(host, record)
