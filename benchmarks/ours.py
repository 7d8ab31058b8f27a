"""Runs AutoConnect as users do: the stack is up, a job is submitted over HTTP, and its events report its end."""

import socket
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
from autoconnect.local.stack import local_stack
from autoconnect.local.temporary import temporary_folder
from autoconnect.models import API_PREFIX, JobStatus
from autoconnect.settings import EngineName, load_settings
from benchmarks import answers, processes
from benchmarks.costs import Cost

SERVICES = ("redis", "orchestrator", "worker", "aggregator", "api")

#: Life time of a result: results of earlier rounds expire, so that Redis does not grow with each round.
_RESULT_TTL_S = 60
_UP_TIMEOUT_S = 120.0
#: Milliseconds without an event of the job after which to check that all services are alive.
_BLOCK_MS = 1_000
_WARM_UPS = 5


class Event(NamedTuple):
    """The progress of a job at a time, in milliseconds of Redis's clock."""

    time_ms: int
    status: str
    total: int
    done: int


class ServiceCost(NamedTuple):
    """The cost of a service in one job: CPU seconds of all its processes, and the memory peak of the largest one."""

    cpu_s: float
    largest_bytes: int


@dataclass(frozen=True)
class ColdJob:
    """A completed job: its cost in total and by service, and the seconds from first claim to last commit.

    All workers wait for the plan and claim batches as soon as it is visible. So the event that says that the job is
    running stands for the first claim.
    """

    id: str
    cost: Cost
    by_service: Mapping[str, ServiceCost]
    mapping_s: float
    rows: int


class Stack:
    """A running stack with its processes by service; its API listens on `port` of this machine."""

    def __init__(self, client: Client, http: httpx2.Client, port: int, pids: Mapping[str, list[int]]) -> None:
        self.port = port
        self._client = client
        self._http = http
        self._pids = pids

    def cold_job(self, source: Path) -> ColdJob:
        """Submit a file of the data folder, which always creates a new job, and wait for its end.

        Raises AutoConnectError if the job fails.
        """
        all_pids = [pid for pids in self._pids.values() for pid in pids]
        processes.reset_peaks(all_pids)
        cpu_before = {service: processes.cpu_s(pids) for service, pids in self._pids.items()}
        start = time.perf_counter()
        job_id = self._post("jobs", {"source": source.name})["id"]
        events = list(self._events(job_id, all_pids))
        wall_s = time.perf_counter() - start
        by_service = {
            service: ServiceCost(
                processes.cpu_s(pids) - cpu_before[service], max(processes.peak_bytes([pid]) for pid in pids)
            )
            for service, pids in self._pids.items()
        }
        cost = Cost(wall_s, sum(service.cpu_s for service in by_service.values()), processes.peak_bytes(all_pids))
        job = self._get(f"jobs/{job_id}")
        if job["status"] != JobStatus.COMPLETED:
            raise AutoConnectError(f"The job of {source.name} is {job['status']}: {job['error']}")
        return ColdJob(job_id, cost, by_service, _mapping_s(events), job["rows"]["accepted"])

    def answer(self, job: ColdJob) -> Any:
        """The cube of a job in the common form."""
        result = results.read_result(self._client, job.id)
        partial = results.read_cube(self._client, result) if result else None
        if partial is None:
            raise AutoConnectError(f"The cube of job {job.id} is gone from Redis.")
        return answers.from_cube(partial.cube)

    def _events(self, job_id: str, pids: list[int]) -> Iterator[Event]:
        """The events of a job, up to its end."""
        last_id, name = "0-0", JobKeys(job_id).events
        while True:
            streams = self._client.call("XREAD", "BLOCK", _BLOCK_MS, "STREAMS", name, last_id)
            if not streams and not all(map(processes.is_alive, pids)):
                raise AutoConnectError("A service died during the measurement; its messages are above.")
            for entry_id, fields in streams[0][1] if streams else ():
                last_id = entry_id.decode()
                time_ms = int(last_id.partition("-")[0])
                event = Event(time_ms, fields[b"status"].decode(), int(fields[b"total"]), int(fields[b"done"]))
                yield event
                if JobStatus(event.status).ended:
                    return

    def _get(self, path: str) -> Any:
        return self._http.get(f"{API_PREFIX}/{path}").raise_for_status().json()

    def _post(self, path: str, body: Mapping[str, str]) -> Any:
        return self._http.post(f"{API_PREFIX}/{path}", json=body).raise_for_status().json()


@contextmanager
def running_stack(data: Path, workers: int, warm_up: Path, engine: EngineName = "redis") -> Iterator[Stack]:
    """A stack that reads the folder `data` and has done a few jobs on `warm_up`, a small file in it.

    With the engine `dask`, it has a cluster of `workers` workers.
    """
    port = free_port()
    settings = load_settings(engine=engine, workers=workers)
    before = set(processes.tree())
    with temporary_folder() as folder:
        overrides = {
            **{"DATA_DIR": str(data.resolve()), "UPLOAD_DIR": f"{folder}/uploads", "SOURCE": ""},
            **{"ENGINE": engine, "WORKERS": str(workers)},
            **{"HOST": "127.0.0.1", "PORT": str(port)},
            **{"LOG_LEVEL": "WARNING", "RESULT_TTL_S": str(_RESULT_TTL_S)},
        }
        services = local_stack(
            folder, overrides, redis_url=settings.redis_url, workers=settings.worker_processes, with_api=True
        )
        with (
            services as (_, client),
            httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as http,
        ):
            _wait_until_up(http, _live_workers(engine, workers))
            stack = Stack(client, http, port, by_service(set(processes.tree()) - before))
            for _ in range(_WARM_UPS):
                stack.cold_job(warm_up)
            yield stack


def _live_workers(engine: EngineName, workers: int) -> int:
    """The workers that the API shows."""
    if engine != "dask":
        return workers
    from worker.dask import PER_THREAD  # only then: it loads Dask

    return PER_THREAD * workers


def _wait_until_up(http: httpx2.Client, workers: int) -> None:
    deadline = time.monotonic() + _UP_TIMEOUT_S
    while not _is_up(http, workers):
        if time.monotonic() > deadline:
            raise AutoConnectError(f"The stack is not up after {_UP_TIMEOUT_S:.0f} seconds; its messages are above.")
        time.sleep(0.1)


def _is_up(http: httpx2.Client, workers: int) -> bool:
    try:
        response = http.get(f"{API_PREFIX}/workers")
    except httpx2.TransportError:
        return False
    return response.is_success and len(response.json()["items"]) == workers


def by_service(pids: set[int]) -> dict[str, list[int]]:
    """The processes of each service, out of `pids`."""
    commands = {pid: processes.command(pid) for pid in sorted(pids)}
    services = {name: [pid for pid, command in commands.items() if f"-m {name}.main" in command] for name in SERVICES}
    services["worker"] += [pid for pid, command in commands.items() if "multiprocessing" in command]  # those of Dask
    services["redis"] = [pid for pid, command in commands.items() if "redis" in command and ".main" not in command]
    return services


def _mapping_s(events: list[Event]) -> float:
    running = [event.time_ms for event in events if event.status == JobStatus.RUNNING]
    committed = [event.time_ms for event in events if event.done == event.total > 0]
    return (committed[0] - running[0]) / 1_000 if running and committed else 0.0


def free_port() -> int:
    """A free port of this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
