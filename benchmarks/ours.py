"""AutoConnect as its users have it: the stack is up, jobs come by HTTP, and their end is learnt from their events."""

import socket
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import httpx2

from autoconnect.broker import results
from autoconnect.broker.connection import Client
from autoconnect.broker.keys import JobKeys
from autoconnect.errors import AutoConnectError
from autoconnect.models import JobStatus
from autoconnect.settings import load_settings
from autoconnect.stack import local_stack
from benchmarks import answers, processes
from benchmarks.costs import Cost

SERVICES = ("redis", "orchestrator", "worker", "aggregator", "api")

#: Results of earlier jobs go so soon, or Redis would grow with each round.
_RESULT_TTL_S = 60
_UP_TIMEOUT_S = 120.0
#: Between looks at whether all services are still there, while nothing happens in a job.
_BLOCK_MS = 1_000
_WARM_UPS = 5


class Event(NamedTuple):
    """How far a job was at a time, in milliseconds of Redis's clock."""

    time_ms: int
    status: str
    total: int
    done: int


class ServiceCost(NamedTuple):
    """Of one job, of all processes of a service: CPU seconds, and the peak of memory of the largest of them."""

    cpu_s: float
    largest_bytes: int


@dataclass(frozen=True)
class ColdJob:
    """A job that has completed: what it cost in all and by service, and the seconds from first claim to last commit.

    A batch is claimed as soon as the plan is visible, because all workers wait for it; so the first claim is taken to
    be the event that says that the job is running.
    """

    id: str
    cost: Cost
    by_service: Mapping[str, ServiceCost]
    mapping_s: float
    rows: int


class Stack:
    """A running stack with all its processes, by service; its API is at `port` of this machine."""

    def __init__(self, client: Client, http: httpx2.Client, port: int, pids: Mapping[str, list[int]]) -> None:
        self.port = port
        self._client = client
        self._http = http
        self._pids = pids

    def cold_job(self, source: Path) -> ColdJob:
        """Submits a file of the data folder, which is always a new job, and waits for its end.

        Raises AutoConnectError where it fails.
        """
        everyone = [pid for pids in self._pids.values() for pid in pids]
        processes.forget_peaks(everyone)
        cpu_before = {service: processes.cpu_s(pids) for service, pids in self._pids.items()}
        start = time.perf_counter()
        job_id = self._post("/api/v1/jobs", {"source": source.name})["id"]
        events = list(self._events(job_id, everyone))
        wall_s = time.perf_counter() - start
        by_service = {
            service: ServiceCost(
                processes.cpu_s(pids) - cpu_before[service], max(processes.peak_bytes([pid]) for pid in pids)
            )
            for service, pids in self._pids.items()
        }
        cost = Cost(wall_s, sum(service.cpu_s for service in by_service.values()), processes.peak_bytes(everyone))
        job = self._get(f"/api/v1/jobs/{job_id}")
        if job["status"] != JobStatus.COMPLETED:
            raise AutoConnectError(f"The job of {source.name} is {job['status']}: {job['error']}")
        return ColdJob(job_id, cost, by_service, _mapping_s(events), job["rows"]["accepted"])

    def answer(self, job: ColdJob) -> Any:
        """The cube of a job, to be compared."""
        found = results.read_cube(self._client, job.id)
        if found is None:
            raise AutoConnectError(f"The cube of job {job.id} is gone from Redis.")
        return answers.from_cube(found.cube)

    def _events(self, job_id: str, pids: list[int]) -> Iterator[Event]:
        """All events of a job, up to its end."""
        seen, name = "0-0", JobKeys(job_id).events
        while True:
            found = self._client.call("XREAD", "BLOCK", _BLOCK_MS, "STREAMS", name, seen)
            if not found and not all(map(processes.is_alive, pids)):
                raise AutoConnectError("A service died while it was measured; its messages are above.")
            for identity, fields in found[0][1] if found else ():
                seen = identity.decode()
                event = Event(
                    int(seen.partition("-")[0]), fields[b"status"].decode(), int(fields[b"total"]), int(fields[b"done"])
                )
                yield event
                if JobStatus(event.status).ended:
                    return

    def _get(self, path: str) -> Any:
        return self._http.get(path).raise_for_status().json()

    def _post(self, path: str, body: Mapping[str, str]) -> Any:
        return self._http.post(path, json=body).raise_for_status().json()


@contextmanager
def running_stack(data: Path, workers: int, warm_up: Path) -> Iterator[Stack]:
    """A stack that reads the folder `data`, and has done a few jobs on a small file of it."""
    port = free_port()
    settings = load_settings(workers=workers)
    before = set(processes.tree())
    with tempfile.TemporaryDirectory(prefix="autoconnect-") as folder:
        overrides = {
            **{"DATA_DIR": str(data.resolve()), "UPLOAD_DIR": f"{folder}/uploads", "SOURCE": ""},
            **{"HOST": "127.0.0.1", "PORT": str(port), "LOG_LEVEL": "WARNING", "RESULT_TTL_S": str(_RESULT_TTL_S)},
        }
        with (
            local_stack(settings, Path(folder), overrides, with_api=True) as (_, client),
            httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as http,
        ):
            _wait_until_up(http, workers)
            stack = Stack(client, http, port, by_service(set(processes.tree()) - before))
            for _ in range(_WARM_UPS):
                stack.cold_job(warm_up)
            yield stack


def _wait_until_up(http: httpx2.Client, workers: int) -> None:
    deadline = time.monotonic() + _UP_TIMEOUT_S
    while not _is_up(http, workers):
        if time.monotonic() > deadline:
            raise AutoConnectError(f"The stack is not up after {_UP_TIMEOUT_S:.0f} seconds; its messages are above.")
        time.sleep(0.1)


def _is_up(http: httpx2.Client, workers: int) -> bool:
    try:
        found = http.get("/api/v1/workers")
    except httpx2.TransportError:
        return False
    return found.is_success and len(found.json()["items"]) == workers


def by_service(pids: set[int]) -> dict[str, list[int]]:
    """Which of some processes are those of each service."""
    commands = {pid: processes.command(pid) for pid in sorted(pids)}
    found = {name: [pid for pid, command in commands.items() if f"-m {name}.main" in command] for name in SERVICES}
    found["redis"] = [pid for pid, command in commands.items() if "redis" in command and ".main" not in command]
    return found


def _mapping_s(events: list[Event]) -> float:
    running = [event.time_ms for event in events if event.status == JobStatus.RUNNING]
    committed = [event.time_ms for event in events if event.done == event.total > 0]
    return (committed[0] - running[0]) / 1_000 if running and committed else 0.0


def free_port() -> int:
    """A port of this machine that nobody uses yet."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
