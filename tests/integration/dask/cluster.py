"""A Dask cluster for tests: a scheduler and workers, each a process of its own."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.e2e.waiting import free_port, wait_until

WORKERS = 2


class Cluster:
    """A scheduler and workers, each a process of its own."""

    def __init__(self, folder: Path, running: ExitStack) -> None:
        self._folder = folder
        self._running = running
        self.address = f"tcp://127.0.0.1:{free_port()}"
        self.start()

    def start(self) -> None:
        port = self.address.rpartition(":")[2]
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard")
        worker = ("worker", self.address, "--no-nanny", "--no-dashboard", "--nthreads", "1")
        self.workers = [self._start(*worker) for _ in range(WORKERS)]

    def signal_workers(self, number: signal.Signals) -> None:
        """Send a signal to all workers; nothing happens to one that has ended."""
        for worker in self.workers:
            worker.send_signal(number)

    def _start(self, *command: str) -> subprocess.Popen[str]:
        with (self._folder / "messages.txt").open("a") as messages:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *command], cwd=self._folder, stdout=messages, stderr=messages, text=True
            )
        self._running.callback(process.wait)
        self._running.callback(process.kill)
        return process

    def wait_until_up(self) -> None:
        messages = self._folder / "messages.txt"
        wait_until("workers", lambda: messages.read_text().count("Registered to:") == WORKERS)


@contextmanager
def started(folder: Path) -> Iterator[Cluster]:
    with ExitStack() as running:
        cluster = Cluster(folder, running)
        cluster.wait_until_up()
        yield cluster
