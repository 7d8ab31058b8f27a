"""The command `autoconnect` as users run it: as a process, in a folder of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from autoconnect.models import API_PREFIX
from tests.e2e.waiting import free_port, wait_until

#: One worker is enough for most tests: each takes two seconds of CPU to start. An empty value is the default, three.
ONE_WORKER = {"AUTOCONNECT_WORKERS": "1"}
DEFAULT_WORKERS = {"AUTOCONNECT_WORKERS": ""}
#: Settings with which a dead worker is noticed quickly.
QUICK = {"AUTOCONNECT_HEARTBEAT_MS": "200", "AUTOCONNECT_LEASE_MS": "1500"}
#: Seconds until the API must answer: each process first imports pandas or Arrow.
_UP_TIMEOUT_S = 180
_END_TIMEOUT_S = 120


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of the tests without its AUTOCONNECT_ variables, with one worker, and with `extra`."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("AUTOCONNECT_")}
    return {**plain, **ONE_WORKER, **(extra or {})}


def autoconnect(*arguments: str, cwd: Path, extra: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "autoconnect.cli.main", *arguments],
        cwd=cwd,
        env=environment(extra),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def start(*arguments: str, cwd: Path, extra: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """Start a command; its output goes to `messages.txt` in `cwd`."""
    with (cwd / "messages.txt").open("w") as messages:
        return subprocess.Popen(
            [sys.executable, "-m", "autoconnect.cli.main", *arguments],
            cwd=cwd,
            env=environment(extra),
            stdout=messages,
            stderr=messages,
            text=True,
        )


def descendants(pid: int) -> dict[int, str]:
    """Id and command line of each descendant of a process."""
    # Without -ww, ps cuts lines at COLUMNS, which the readline of pytest sets.
    command = ["ps", "-ww", "-eo", "pid=,ppid=,args="]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    parsed = [line.split(None, 2) for line in listing.splitlines()]
    below: dict[int, str] = {}
    parents = [pid]
    while parents:
        parent = parents.pop()
        children = {int(child): args for child, parent_id, args in parsed if int(parent_id) == parent}
        below |= children
        parents += children
    return below


def lives(pid: int) -> bool:
    """Whether the process exists and is not a zombie."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):  # the latter if it ends between open and read
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


class Up:
    """A running `autoconnect up`, and a client of its API."""

    def __init__(self, process: subprocess.Popen[str], client: httpx2.Client, folder: Path) -> None:
        self.process = process
        self.client = client
        self.folder = folder
        self.url = str(client.base_url)
        self.first_job = ""

    def get(self, path: str, status: int = 200, **options: Any) -> Any:
        """The JSON answer to a path below API_PREFIX."""
        response = self.client.get(f"{API_PREFIX}{path}", **options)
        assert response.status_code == status, response.text
        return json.loads(response.text)

    def latest(self) -> dict[str, Any] | None:
        """The newest job, or None."""
        response = self.client.get(f"{API_PREFIX}/jobs/latest")
        return dict(response.json()) if response.status_code == 200 else None

    def submit(self, source: str) -> str:
        response = self.client.post(f"{API_PREFIX}/jobs", json={"source": source})
        assert response.status_code == 202, response.text
        return str(response.json()["id"])

    def ended(self, job_id: str, timeout_s: float = 240) -> dict[str, Any]:
        """The job, once it has ended."""

        def ended_job() -> dict[str, Any] | None:
            job: dict[str, Any] = self.get(f"/jobs/{job_id}")
            return job if job["status"] in ("completed", "failed", "cancelled") else None

        return wait_until(f"the end of job {job_id}", ended_job, timeout_s)

    def answers(self) -> bool:
        try:
            return self.client.get("/health/ready").status_code == 200
        except httpx2.HTTPError:
            return False


@contextmanager
def running(folder: Path, extra: Mapping[str, str] | None = None, *arguments: str) -> Iterator[Up]:
    """`autoconnect up` in a folder, once it answers; ended after the block, with no process left over."""
    port = free_port()
    process = start("up", *arguments, cwd=folder, extra={**QUICK, "AUTOCONNECT_PORT": str(port), **(extra or {})})
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
            up = Up(process, client, folder)
            wait_until(f"the API, see {folder}/messages.txt", up.answers, _UP_TIMEOUT_S)
            yield up
    finally:
        end(process)


def end(process: subprocess.Popen[str]) -> int:
    """End a stack as Ctrl-C does; returns its exit code."""
    below = descendants(process.pid)
    process.send_signal(signal.SIGINT)
    code = process.wait(_END_TIMEOUT_S)
    survivors = {pid: args for pid, args in below.items() if lives(pid)}
    assert not survivors, f"left over: {survivors}"
    return code
