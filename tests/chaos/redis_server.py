"""A Redis that can be killed, frozen, filled and set back, and whose clock can be set."""

import os
import resource
import signal
import subprocess
import time
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from autoconnect.broker.connection import connect
from autoconnect.local.embedded import EmbeddedServer
from autoconnect.local.supervisor import launch
from tests.chaos.ballast import Ballast
from tests.e2e.waiting import wait_until

_GRACE_S = 5.0
#: Bytes that Redis may use: more than the jobs of a run need, and less than the longest string.
_MAX_MEMORY = 480 << 20
#: Seconds after memory was short in which a job may still fail, or lose its result, because it was.
_RELIEF_S = 5.0


class Mark(NamedTuple):
    """A place in the log of Redis."""

    log: Path
    size: int


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
        self.ends = 0
        self._full: list[tuple[float, float]] = []
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
        log, size = self._end_of_log()
        os.truncate(log, max(size - lost_bytes, 0))
        self._process = self._start()

    def mark(self) -> Mark:
        """The end of the log, once it has all that Redis has acknowledged."""
        wait_until("Redis to write its log", self._has_written, poll_s=0.01)
        return self._end_of_log()

    def set_back(self, mark: Mark) -> bool:
        """Kill Redis, and start it without what it has written after a mark; False if that cannot be told any more."""
        self._end(signal.SIGKILL)
        is_known = self._end_of_log().log == mark.log
        if is_known:
            os.truncate(mark.log, mark.size)
        self._process = self._start()
        return is_known

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def fill_memory(self, share: float) -> None:
        """Fill Redis' memory up to a share of it; above 1, Redis refuses writes."""
        used = int(self._client.call("INFO", "memory")["used_memory"])
        self._full.append((time.time(), float("inf")))
        self._ballast = Ballast(self.socket, max(int(_MAX_MEMORY * share) - used, 1))

    def free_memory(self) -> None:
        self._ballast.end()
        self._full[-1] = self._full[-1][0], time.time() + _RELIEF_S

    def was_full(self, at: datetime) -> bool:
        """Whether Redis was short of memory at a time."""
        return any(start <= at.timestamp() <= end for start, end in self._full)

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

    def _has_written(self) -> bool:
        return int(self._client.call("INFO", "persistence")["aof_buffer_length"]) == 0

    def _end_of_log(self) -> Mark:
        logs = self._folder.glob("appendonlydir/*.incr.aof")
        before_7 = self._folder / "appendonly.aof"
        log = max(logs, key=lambda path: int(path.name.split(".")[2]), default=before_7)
        return Mark(log, log.stat().st_size)

    def _end(self, number: int) -> None:
        """Send a signal, and kill Redis if it does not end in time: libfaketime can lock up in a signal handler."""
        self.ends += 1
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
        process = launch([*self._server.command, "--maxmemory", str(_MAX_MEMORY)], environment)
        self._server.wait_until_it_answers(process)
        return process


def _faketime_library() -> Path | None:
    return next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
