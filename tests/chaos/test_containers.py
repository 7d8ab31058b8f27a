"""Containers get jobs that are too large for them, die, pause and are cut off; each job ends as it must."""

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import httpx2
import pytest

from autoconnect.core.metrics import CATALOGUE
from autoconnect.generate import HEADER, generate
from tests import oracle
from tests.chaos.answers import answer
from tests.e2e.compose import COMMANDS, POLL_S, ROOT, Stack, output, output_or_none, problem, running
from tests.e2e.waiting import wait_until
from tests.files import slow_to_map
from tests.required import require

pytestmark = [pytest.mark.containers, pytest.mark.timeout(1_200)]  # building takes minutes if nothing is cached

_ROWS = 60_000
_LEASE_MS = 2_000
_SETTINGS = f"""
AUTOCONNECT_HEARTBEAT_MS=400
AUTOCONNECT_LEASE_MS={_LEASE_MS}
AUTOCONNECT_BATCH_BYTES=25000
"""
#: Seconds that a container is away. Its last heartbeat may still arrive, and then its lease must end in this time.
_AWAY_S = 2.5 * _LEASE_MS / 1_000
_RUN_AT_ONCE = 2
#: Further strikes of a worker if none has cost one a batch: a busy machine judges deaths late.
_FURTHER_STRIKES = 5
_END_TIMEOUT_S = 240


#: Models of the large files, one for each row.
_MODEL_COUNTS = (200_000, 500_000, 1_000_000)
_SMALL_JOBS = 50
#: Seconds from POST to the end within which a small job ends beside large ones, even if other tests run, too: one that
#: waits for a large job takes longer.
_SMALL_S = 60
_LARGE_TIMEOUT_S = 480
#: The reason for which a large file may fail: the setting, and the column with the most values.
_TOO_LARGE = re.compile(r"\(AUTOCONNECT_MAX_CELLS\); the column with the most values is model\b")
_SHIPPED = ROOT / "data" / "transactions_autoconnect.csv"


@pytest.fixture
def default_stack(tmp_path: Path, images: ExitStack) -> Iterator[Stack]:
    """A stack without any setting; its test comes first, so that no other one runs beside it."""
    yield from _stack("", tmp_path, images)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, images: ExitStack) -> Iterator[Stack]:
    yield from _stack(_SETTINGS, tmp_path_factory.mktemp("chaos"), images)


def _stack(settings: str, folder: Path, images: ExitStack) -> Iterator[Stack]:
    compose = next((name for name in COMMANDS if problem(name) is None), None)
    if compose is None or output_or_none("docker", "version", "--format", "{{.Server.Version}}") is None:
        require("containers", "no Docker engine with Compose answers")
    (folder / "env").write_text(settings)
    with running(compose, folder / "env", images) as stack:
        yield stack


def test_files_of_any_size_end_no_container_and_hold_up_no_small_job(default_stack: Stack) -> None:
    """Given files with up to a million models, and small jobs in turn beside them"""
    stack, files = default_stack, {f"{count}.csv": _many_models(count) for count in _MODEL_COUNTS}
    stack.wait_healthy()
    with httpx2.Client(base_url=stack.url, timeout=120) as api:
        for name, data in files.items():
            assert api.put(f"/api/v1/sources/{name}", content=data).status_code == 201
        large = {name: api.post("/api/v1/jobs", json={"source": name}).json()["id"] for name in files}
        expected = _expected(_SHIPPED.read_bytes())
        took_s = []
        for _ in range(_SMALL_JOBS):
            posted = time.monotonic()
            job = _run(api, _SHIPPED.name)
            took_s.append(round(time.monotonic() - posted, 1))
            assert (job["status"], job["error"]) == ("completed", None)
            assert {name: _rows(api, name, job["id"]) for name in CATALOGUE} == expected
        assert max(took_s) < _SMALL_S, took_s
        for name, job_id in large.items():
            job = wait_until(f"the end of {name}", partial(_ended, api, job_id), _LARGE_TIMEOUT_S)
            if job["status"] == "completed":
                assert {metric: _rows(api, metric, job_id) for metric in CATALOGUE} == _expected(files[name])
            else:
                assert _TOO_LARGE.search(job["error"]), job
    memory = _redis_memory(stack)
    assert memory["used_memory_peak"] <= memory["maxmemory"]
    for container in stack.containers():
        assert (container["Name"], container["RestartCount"]) == (container["Name"], 0)
        assert (container["Name"], container["State"]["OOMKilled"]) == (container["Name"], False)
    stack.wait_healthy()


@pytest.mark.parametrize("target", ["containers", "packets"])
def test_whatever_happens_to_containers_each_job_ends_with_the_exact_result(stack: Stack, target: str) -> None:
    faults = _container_faults() if target == "containers" else _packet_faults(stack)
    source, data = f"{target}.csv", slow_to_map("".join(generate(_ROWS, seed=13, bad_ratio=0.03))).encode()
    stack.wait_healthy()
    with httpx2.Client(base_url=stack.url, timeout=120) as api:
        assert api.put(f"/api/v1/sources/{source}", content=data).status_code == 201
        job_ids: list[str] = []
        for strike, service in faults:
            _keep_busy(api, source, job_ids)
            strike(stack, service)
        strike_worker = next(strike for strike, service in faults if service == "worker")
        for _ in range(_FURTHER_STRIKES):
            if _retried(api, job_ids):
                break
            _keep_busy(api, source, job_ids)
            strike_worker(stack, "worker")
        ended = [wait_until(f"the end of {job_id}", partial(_ended, api, job_id), _END_TIMEOUT_S) for job_id in job_ids]
        assert [(job["status"], job["error"]) for job in ended] == [("completed", None)] * len(ended)
        expected = _expected(data)
        for job_id in job_ids:
            assert {name: _rows(api, name, job_id) for name in CATALOGUE} == expected
        assert _retried(api, job_ids) > 0
    stack.wait_healthy()


Fault = Callable[[Stack, str], None]


def _container_faults() -> list[tuple[Fault, str]]:
    """Faults of containers, each with its victim's service, in a random order."""
    faults: list[tuple[Fault, str]] = [
        *((_kill, service) for service in ("worker", "api")),
        *((_die, service) for service in ("worker", "orchestrator", "aggregator", "redis")),
        *((_pause, service) for service in ("worker", "orchestrator", "redis")),
        *((_cut_off, service) for service in ("worker", "aggregator")),
        *((_restart, service) for service in ("redis", "worker")),
        (_run_out_of_memory, "worker"),
    ]
    return Random(5).sample(faults, len(faults))


def _packet_faults(stack: Stack) -> list[tuple[Fault, str]]:
    """Faults that drop packets, so that a connection looks alive; only root can enter a container's network."""
    if output_or_none(*_enter_network(stack, "worker"), "iptables", "--list") is None:
        require(
            "chaos", "packets in a container's network cannot be dropped here; that needs nsenter, iptables and root"
        )
    return [(_swallow, service) for service in ("worker", "orchestrator", "aggregator")]


def _kill(stack: Stack, service: str) -> None:
    """Kill a container with Docker, which does not restart it then: start it again."""
    victim = _victim(stack, service)
    output("docker", "kill", victim)
    output("docker", "start", victim)


def _die(stack: Stack, service: str) -> None:
    """Kill the process; the restart policy starts the container again."""
    victim = _victim(stack, service)
    before = _started_at(victim)
    output("docker", "exec", victim, "sh", "-c", "kill -KILL $(cat /proc/1/task/1/children)")
    wait_until(f"the restart of {service}", lambda: _started_at(victim) not in (None, before), poll_s=POLL_S)


def _pause(stack: Stack, service: str) -> None:
    victim = _victim(stack, service)
    # The kernel refuses to freeze a container while one of its processes waits for the disk.
    wait_until(f"{service} to be paused", lambda: output_or_none("docker", "pause", victim) is not None, poll_s=POLL_S)
    time.sleep(_AWAY_S)
    output("docker", "unpause", victim)


def _cut_off(stack: Stack, service: str) -> None:
    victim, network = _victim(stack, service), f"{stack.project}_back"
    output("docker", "network", "disconnect", network, victim)
    time.sleep(_AWAY_S)
    output("docker", "network", "connect", "--alias", service, network, victim)


def _run_out_of_memory(stack: Stack, service: str) -> None:
    """Fill the container's memory from another process; the kernel kills the service first."""
    victim = _victim(stack, service)
    before = _started_at(victim)
    first_to_go = "read -r pid rest < /proc/1/task/1/children; echo 1000 > /proc/$pid/oom_score_adj"
    printed = output_or_none(
        "docker", "exec", victim, "sh", "-c", f"{first_to_go}; exec python -c 'b\"x\" * (1 << 30)'"
    )
    assert printed is None
    wait_until(f"the restart of {service}", lambda: _started_at(victim) not in (None, before), poll_s=POLL_S)
    assert output("docker", "inspect", "--format", "{{.State.OOMKilled}}", victim).strip() == "true"


def _swallow(stack: Stack, service: str) -> None:
    """Drop all packets from Redis to the container."""
    rule = ["INPUT", "--protocol", "tcp", "--sport", "6379", "--jump", "DROP"]
    enter = _enter_network(stack, service)
    output(*enter, "iptables", "--insert", *rule)
    time.sleep(_AWAY_S)
    output(*enter, "iptables", "--delete", *rule)


def _enter_network(stack: Stack, service: str) -> list[str]:
    """The start of a command line that runs the rest of it in a container's network."""
    pid = output("docker", "inspect", "--format", "{{.State.Pid}}", _victim(stack, service)).strip()
    return [*([] if os.geteuid() == 0 else ["sudo", "-n"]), "nsenter", "--target", pid, "--net"]


def _restart(stack: Stack, service: str) -> None:
    output("docker", "restart", _victim(stack, service))


def _victim(stack: Stack, service: str) -> str:
    container: str = stack.containers(service)[0]["Id"]
    return container


def _started_at(container: str) -> str | None:
    """The time at which the container's process started, or None if it has none."""
    state = json.loads(output("docker", "inspect", "--format", "{{json .State}}", container))
    return str(state["StartedAt"]) if state["Status"] == "running" else None


def _many_models(count: int) -> bytes:
    """A file of sales, each of another model."""
    random, cities = Random(count), ("Paris", "Lyon", "Marseille")
    days = [f"{year}-{month:02}-{day:02}" for year in (2023, 2024) for month in range(1, 13) for day in range(1, 29)]
    lines = [
        f"{number},{random.choice(days)},{random.choice(cities)},vente,Model {number},{5_000 + number % 997},\n"
        for number in range(count)
    ]
    return f"{HEADER}{''.join(lines)}".encode()


def _run(api: httpx2.Client, source: str) -> dict[str, Any]:
    """Submit a job and wait for its end."""
    job_id = api.post("/api/v1/jobs", json={"source": source}).json()["id"]
    return wait_until(f"the end of {job_id}", partial(_ended, api, job_id), _END_TIMEOUT_S, poll_s=0.02)


def _redis_memory(stack: Stack) -> dict[str, int]:
    """The figures in bytes that Redis has about its memory."""
    ask = r"""
REDISCLI_AUTH=$(sed 's/.*:\(.*\)@.*/\1/' /access/url)
export REDISCLI_AUTH
redis-cli --user autoconnect INFO memory
"""
    text = output("docker", "exec", _victim(stack, "redis"), "sh", "-c", ask)
    lines = [line.split(":") for line in text.split()]
    return {name: int(value) for name, *values in lines for value in values if value.isdigit()}


def _keep_busy(api: httpx2.Client, source: str, job_ids: list[str]) -> None:
    """Submit until enough jobs run; repeats the call while a service is away."""
    while sum(_ended(api, job_id) is None for job_id in job_ids) < _RUN_AT_ONCE:
        key = f"{source} {len(job_ids)}"
        job_ids.append(wait_until("a job to be accepted", partial(_submitted, api, source, key)))


def _submitted(api: httpx2.Client, source: str, key: str) -> str | None:
    body, headers = {"source": source}, {"Idempotency-Key": key}
    job = answer(lambda: api.post("/api/v1/jobs", json=body, headers=headers))
    return str(job["id"]) if job else None


def _job(api: httpx2.Client, job_id: str) -> dict[str, Any] | None:
    """The job, or None while the API is away."""
    job: dict[str, Any] | None = answer(lambda: api.get(f"/api/v1/jobs/{job_id}"))
    return job


def _ended(api: httpx2.Client, job_id: str) -> dict[str, Any] | None:
    job = _job(api, job_id)
    return job if job and job["status"] in ("completed", "failed", "cancelled") else None


def _retried(api: httpx2.Client, job_ids: list[str]) -> int:
    """The number of times that batches of the jobs were retried."""
    jobs = [wait_until(job_id, partial(_job, api, job_id)) for job_id in job_ids]
    return sum(job["batches"]["retried"] for job in jobs)


def _rows(api: httpx2.Client, metric: str, job_id: str) -> Any:
    found = wait_until(metric, lambda: answer(lambda: api.get(f"/api/v1/metrics/{metric}", params={"job": job_id})))
    return found["rows"]


def _expected(data: bytes) -> dict[str, oracle.Table]:
    rows, rejects = oracle.read_rows(data)
    return {name: oracle.metric(name, rows, len(rows) + len(rejects), len(rejects)) for name in CATALOGUE}
