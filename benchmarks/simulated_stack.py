"""A stack with simulated workers: its own Redis, the orchestrator, the aggregator, and one process of all workers."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from autoconnect.broker import jobs, server, workers
from autoconnect.broker.connection import Client
from autoconnect.broker.keys import JobKeys
from autoconnect.errors import AutoConnectError
from autoconnect.local.stack import local_stack
from autoconnect.local.supervisor import launch
from autoconnect.local.temporary import temporary_folder
from autoconnect.models import JobStatus
from autoconnect.settings import PREFIX
from benchmarks import processes
from benchmarks.server import running_server
from benchmarks.simulated_workers import Simulation
from benchmarks.sparse import BATCH_BYTES

#: How the command line of each process shows what it is; the aggregator has a child process.
_COMMANDS = {
    "redis": "redis.sock",
    "orchestrator": "-m orchestrator.",
    "aggregator": "-m aggregator.",
    "simulation": "-m benchmarks.simulated_workers",
}
#: All other processes of the machine.
OTHERS = "others"
#: The kinds of processes whose CPU time is read.
KINDS = (*_COMMANDS, OTHERS)
#: Workers on one machine share its memory: `auto` would allow fewer cells the more there are.
_MAX_CELLS = 1_000_000
_TTL_S = 60
_TIMEOUT_S = 120.0
#: Workers of a process: with more, their threads mostly wait for the interpreter.
_AT_ONCE = 250
#: Seconds between looks at a job and at the memory of Redis.
_LOOK_S = 0.05


class Reading(NamedTuple):
    """Totals at one moment, or what was added to them since another one: batches done, commits, CPU seconds by kind."""

    clock_s: float
    done: int
    commits: int
    cpu_s: Mapping[str, float]

    def since(self, before: "Reading") -> "Reading":
        """What was added since another moment."""
        cpu_s = {name: total_s - before.cpu_s[name] for name, total_s in self.cpu_s.items()}
        return Reading(self.clock_s - before.clock_s, self.done - before.done, self.commits - before.commits, cpu_s)

    def percent(self, kind: str) -> float:
        """The load of a core by the processes of a kind."""
        return 100 * self.cpu_s[kind] / self.clock_s


class Usage(NamedTuple):
    """What Redis holds: bytes that it uses, and connections."""

    bytes: int
    connections: int


@dataclass(frozen=True)
class SimulatedStack:
    """A running stack whose workers wait for batches. `empty` is what Redis held before they came, `idle` after."""

    client: Client
    pids: Mapping[str, list[int]]
    empty: Usage
    idle: Usage

    def submit(self, source: Path) -> str:
        """Submit a file and wait until its plan is visible; return the job's id."""
        job_id = jobs.create_job(self.client, source.name, _TTL_S)
        wait_until(lambda: self.status(job_id) not in (JobStatus.QUEUED, JobStatus.PLANNING))
        return job_id

    def status(self, job_id: str) -> JobStatus:
        """The status of a job; raises AutoConnectError if it has failed."""
        job = jobs.read_job(self.client, job_id)
        if job is None or job.status is JobStatus.FAILED:
            raise AutoConnectError(f"The job of simulated batches failed: {job and job.error}")
        return job.status

    def read(self, job_id: str | None) -> Reading:
        """The totals of now."""
        done = int(self.client.call("HGET", JobKeys(job_id).job, "done")) if job_id else 0
        calls = self.client.call("INFO", "commandstats").get("cmdstat_xadd", {"calls": 0})["calls"]
        cpu_s = {name: processes.cpu_s(pids) for name, pids in self.pids.items()}
        cpu_s[OTHERS] = processes.busy_s() - sum(cpu_s.values())
        return Reading(time.perf_counter(), done, int(calls), cpu_s)  # each commit adds an event

    def read_until(self, job_id: str | None, seconds: float) -> tuple[Reading, int]:
        """What is added to the totals in some seconds, or until a job is mapped; and the most bytes that Redis used."""
        before, most_bytes = self.read(job_id), 0
        while time.perf_counter() - before.clock_s < seconds and (
            job_id is None or self.status(job_id) is JobStatus.RUNNING
        ):
            most_bytes = max(most_bytes, server.read_memory(self.client).used)
            time.sleep(_LOOK_S)
        return self.read(job_id).since(before), most_bytes


@contextmanager
def simulated_stack(simulation: Simulation, data: Path) -> Iterator[SimulatedStack]:
    """A stack that plans files of the folder `data`, with an empty Redis."""
    earlier = set(processes.tree())
    with running_server() as url, temporary_folder() as folder:
        settings = {
            **{"DATA_DIR": str(data.resolve()), "UPLOAD_DIR": f"{folder}/uploads", "SOURCE": "", "LOG_LEVEL": "ERROR"},
            **{"BATCH_BYTES": str(BATCH_BYTES), "MAX_CELLS": str(_MAX_CELLS)},
        }
        with local_stack(folder, settings, redis_url=url, workers=0, with_api=False) as (_, client):
            _wait_for_services(earlier)
            empty = usage(client)
            variables = {PREFIX + name: value for name, value in {"REDIS_URL": url, **settings}.items()}
            running = [launch(part.command(), {**os.environ, **variables}) for part in simulation.parts(_AT_ONCE)]
            try:
                wait_until(lambda: _have_ended(running) or _all_wait(client, simulation.workers))
                if _have_ended(running):
                    raise AutoConnectError("Simulated workers ended; their messages are above.")
                yield SimulatedStack(client, _pids(earlier), empty, usage(client))
            finally:
                for process in running:
                    process.kill()
                    process.wait()


def usage(client: Client) -> Usage:
    """What Redis holds now."""
    connections = int(client.call("INFO", "clients")["connected_clients"])
    return Usage(server.read_memory(client).used, connections)


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait; raise AutoConnectError after two minutes."""
    deadline = time.monotonic() + _TIMEOUT_S
    while not condition():
        if time.monotonic() > deadline:
            raise AutoConnectError(f"The simulated stack takes longer than {_TIMEOUT_S:.0f} s.")
        time.sleep(_LOOK_S)


def _have_ended(running: Sequence["subprocess.Popen[bytes]"]) -> bool:
    return any(process.poll() is not None for process in running)


def _all_wait(client: Client, count: int) -> bool:
    """Whether all workers live and wait for a batch."""
    blocked = int(client.call("INFO", "clients")["blocked_clients"])
    return workers.count_live_workers(client) == count and blocked >= count


def _wait_for_services(earlier: set[int]) -> None:
    """Wait until the aggregator has started its child process, which it does last."""
    wait_until(lambda: len(_pids(earlier)["aggregator"]) > 1)


def _pids(earlier: set[int]) -> dict[str, list[int]]:
    commands = {pid: _command(pid) for pid in set(processes.tree()) - earlier}
    return {name: [pid for pid, command in commands.items() if part in command] for name, part in _COMMANDS.items()}


def _command(pid: int) -> str:
    try:
        return processes.command(pid)
    except (FileNotFoundError, ProcessLookupError):  # it has just ended
        return ""
