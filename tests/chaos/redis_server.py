"""A Redis that can be killed, frozen and filled, and whose clock can be set."""

import os
import resource
import signal
import subprocess
from pathlib import Path

from autoconnect.broker.connection import connect
from autoconnect.local.embedded import EmbeddedServer
from autoconnect.local.supervisor import launch

_GRACE_S = 5.0


class RedisServer:
    """A Redis that listens on `socket` and keeps its data in a folder across restarts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server = EmbeddedServer(folder)
        self.url = self._server.url
        self.socket = self.url.removeprefix("unix://")
        self.has_clock = _faketime_library() is not None
        self._offset = folder / "clock"
        self.set_clock(0)
        self._process = self._start()
        self._client = connect(self.url)

    @property
    def pid(self) -> int:
        return self._process.pid

    def restart(self, number: int) -> None:
        """End Redis by a signal, and start it on the same data."""
        self._end(number)
        self._process = self._start()

    def cut_power(self, lost_bytes: int) -> None:
        """Kill Redis, and start it without the last `lost_bytes` of its log: acknowledged, but not on the disk yet."""
        self._end(signal.SIGKILL)
        log = max(self._folder.glob("appendonlydir/*.incr.aof"), key=lambda path: int(path.name.split(".")[2]))
        os.truncate(log, max(log.stat().st_size - lost_bytes, 0))
        self._process = self._start()

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def fill_memory(self, spare_bytes: int) -> None:
        """Let Redis refuse writes once it uses `spare_bytes` more memory than now."""
        used = int(self._client.call("INFO", "memory")["used_memory"])
        self._client.call("CONFIG", "SET", "maxmemory", used + spare_bytes)

    def free_memory(self) -> None:
        self._client.call("CONFIG", "SET", "maxmemory", 0)

    def fill_disk(self) -> None:
        """Stop Redis' files from growing: it refuses writes once an append has failed."""
        hard = resource.prlimit(self.pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (1, hard))

    def free_disk(self) -> None:
        hard = resource.prlimit(self.pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (hard, hard))

    def set_clock(self, offset_s: int) -> None:
        """Set Redis' wall clock `offset_s` off the machine's; rename, because the file is read at any moment."""
        new = self._offset.with_suffix(".new")
        new.write_text(f"{offset_s:+d}\n")
        new.rename(self._offset)

    def stop(self) -> None:
        self._client.close()
        self.wake()
        self._end(signal.SIGTERM)
        self._server.clean_up()

    def _end(self, number: int) -> None:
        """Send a signal, and kill Redis if it does not end in time: libfaketime can lock up in a signal handler."""
        self._process.send_signal(number)
        try:
            self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        environment = dict(os.environ)
        if library := _faketime_library():
            environment |= {
                "LD_PRELOAD": str(library),
                "FAKETIME_TIMESTAMP_FILE": str(self._offset),
                "FAKETIME_NO_CACHE": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            }
        # A write beyond the limit must be an error, not a signal: Python ignores SIGXFSZ, and Redis inherits that.
        process = launch(self._server.command, environment)
        self._server.wait_until_it_answers()
        return process


def _faketime_library() -> Path | None:
    return next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
