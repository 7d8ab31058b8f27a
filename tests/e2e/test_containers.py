"""The stack of docker-compose.yml under each version of Compose: built, started, disturbed, scaled, taken down.

The tests share one stack per version and run in the order of this file.
"""

import csv
import io
import json
import re
import secrets
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from autoconnect.generate import generate
from tests.e2e.compose import (
    COMMANDS,
    POLL_S,
    ROOT,
    Stack,
    output,
    output_or_none,
    problem,
    running,
    send_signal,
)
from tests.e2e.outside import Outside, machine_outside
from tests.e2e.waiting import wait_until
from tests.files import slow_to_map
from tests.required import require

pytestmark = [pytest.mark.containers, pytest.mark.timeout(1_200)]  # building takes minutes if nothing is cached

SHIPPED = (ROOT / "data" / "transactions_autoconnect.csv").read_text(encoding="utf-8")
SERVICES = {"redis": 1, "orchestrator": 1, "worker": 3, "aggregator": 1, "api": 1}
ENDED = ("completed", "failed", "cancelled")


@pytest.fixture(scope="module", params=COMMANDS)
def stack(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, images: ExitStack
) -> Iterator[Stack]:
    compose: str = request.param
    _require_compose(compose)
    no_env = tmp_path_factory.mktemp(compose) / "env"
    no_env.touch()
    with running(compose, no_env, images) as stack:
        yield stack


@pytest.fixture
def api(stack: Stack) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=stack.url, timeout=120) as client:
        yield client


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Outside]:
    with machine_outside(tmp_path) as outside:
        yield outside


def test_every_container_is_healthy_soon(stack: Stack) -> None:
    stack.wait_healthy()

    assert {service: len(stack.containers(service)) for service in SERVICES} == SERVICES
    assert len(stack.containers()) == sum(SERVICES.values()), "no service of a profile"


def test_the_shipped_data_is_processed_exactly(api: httpx2.Client) -> None:
    job = wait_until("the job of the start", lambda: _latest_ended(api))
    summary = _summary(api)

    assert (job["status"], job["source"]) == ("completed", "transactions_autoconnect.csv")
    assert summary == _summary_of(SHIPPED)
    assert summary["transactions"] == 10_000


def test_a_chart_is_drawn_in_a_container_without_fonts(api: httpx2.Client) -> None:
    def drawn() -> httpx2.Response | None:
        """The picture; None if the container was too busy to draw it in time, which says to try again."""
        picture = api.get("/api/v1/charts/monthly-revenue.png", params={"lang": "fr"}, timeout=60)
        assert picture.status_code in (200, 503), picture.text
        return picture if picture.status_code == 200 else None

    picture = wait_until("the picture", drawn, timeout_s=180)
    assert picture.content.startswith(b"\x89PNG")
    assert len(picture.content) > 50_000  # without its texts, it has a third of that


def test_containers_run_with_few_rights(stack: Stack) -> None:
    for container in stack.containers():
        host, config = container["HostConfig"], container["Config"]
        assert config["User"] in ("autoconnect", "redis")
        assert output("docker", "exec", container["Id"], "id", "-u").strip() != "0"
        assert host["ReadonlyRootfs"]
        assert host["CapDrop"] == ["ALL"]
        assert host["SecurityOpt"] == ["no-new-privileges:true"]
        assert host["Init"]
        assert 0 < host["Memory"] <= 512 << 20
        assert host["MemorySwap"] == host["Memory"], "no swap"
        assert 0 < host["PidsLimit"] <= 128
        assert 0 < host["NanoCpus"] <= 1_000_000_000
        assert host["Dns"] == ["127.0.0.1"]
        assert host["RestartPolicy"]["Name"] == "unless-stopped"
        assert host["LogConfig"] == {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}


def test_only_the_api_is_published_and_on_this_machine_only(stack: Stack) -> None:
    published = {
        (container["Config"]["Labels"]["com.docker.compose.service"], port, binding["HostIp"])
        for container in stack.containers()
        for port, bindings in (container["HostConfig"]["PortBindings"] or {}).items()
        for binding in bindings
    }

    assert published == {("api", "8000/tcp", "127.0.0.1")}


def test_only_the_api_writes_files_and_only_uploads(stack: Stack) -> None:
    mounts = {
        (service, mount["Destination"], mount["RW"])
        for service in ("orchestrator", "worker", "aggregator", "api")
        for container in stack.containers(service)
        for mount in container["Mounts"]
    }

    assert mounts == {
        *((service, "/access", False) for service in ("orchestrator", "worker", "aggregator", "api")),
        ("orchestrator", "/data", False),
        ("orchestrator", "/uploads", False),
        ("worker", "/data", False),
        ("worker", "/uploads", False),
        ("api", "/data", False),
        ("api", "/secrets", False),
        ("api", "/uploads", True),
    }


def test_redis_refuses_no_command_of_a_service_and_all_others(stack: Stack) -> None:
    """Given services that have run a job under the rights in `deploy/redis/services.acl`"""
    assert "errorstat_NOPERM" not in _call_redis(stack, "INFO", "errorstats")
    for command in (["FLUSHALL"], ["CONFIG", "GET", "*"], ["KEYS", "*"], ["GET", "other"]):
        assert "no permission" in _call_redis(stack, *command).lower()
    (redis,) = stack.containers("redis")
    assert "NOAUTH" in output("docker", "exec", redis["Id"], "redis-cli", "ping")
    assert "WRONGPASS" in output("docker", "exec", redis["Id"], "redis-cli", "AUTH", "default", "")


def test_the_password_of_redis_is_for_the_services_only(stack: Stack) -> None:
    """I expect that nobody else reads its file, and that it is in nothing that the engine shows."""
    password = _redis_password(stack)
    assert len(password) == 64
    for service in SERVICES:
        container = stack.containers(service)[0]["Id"]
        for other_user in ("0", "12345", "12345:12345"):
            assert output_or_none("docker", "exec", "--user", other_user, container, "cat", "/access/url") is None
    for container in stack.containers():
        assert password not in json.dumps(container)
        assert password not in output("docker", "top", container["Id"], "-eo", "pid,args")
        assert password not in output("docker", "history", "--no-trunc", container["Image"])
    assert password not in stack.compose("logs")
    assert password not in stack.compose("config")


def test_nothing_leaves_the_networks(stack: Stack, outside: Outside) -> None:
    """Given a machine outside that would even find the way back

    I expect no connection and no datagram from any service to reach it.
    """
    for service in ("orchestrator", "worker", "aggregator", "api"):
        container: str = stack.containers(service)[0]["Id"]
        output("docker", "exec", container, "python", "-c", outside.probe(service))
    output(sys.executable, "-c", outside.probe("this machine"))
    for protocol in ("UDP", "TCP"):
        outside.wait_for(f"this machine by {protocol}")
    assert sorted(outside.seen()) == ["this machine by TCP", "this machine by UDP"]
    (edge,) = json.loads(output("docker", "network", "inspect", f"{stack.project}_edge"))
    assert edge["Options"]["com.docker.network.bridge.enable_ip_masquerade"] == "false"


def test_the_orchestrator_has_no_numeric_libraries(stack: Stack) -> None:
    names = ("numpy", "pandas", "pyarrow", "numba")
    code = f"from importlib.util import find_spec; print([name for name in {names} if find_spec(name)])"
    (orchestrator,) = stack.containers("orchestrator")

    assert output("docker", "exec", orchestrator["Id"], "python", "-c", code).strip() == "[]"


def test_the_kernel_was_compiled_while_the_image_was_built(stack: Stack) -> None:
    """Given a copy of the kernel that the image has compiled / When a worker has mapped, I expect nothing new in it."""
    for container in stack.containers("worker"):
        assert output("docker", "exec", container["Id"], "find", "/tmp/kernel", "-name", "*.nbc")
        assert output("docker", "exec", container["Id"], "diff", "-r", "/app/kernel", "/tmp/kernel") == ""


def test_an_upload_is_read_by_the_workers(api: httpx2.Client) -> None:
    text = "".join(generate(500, seed=7))

    job = _run(api, "upload.csv", text)

    assert job["status"] == "completed", job["error"]
    assert _summary(api, job=job["id"]) == _summary_of(text)


def test_a_worker_killed_over_a_batch_costs_nothing(stack: Stack, api: httpx2.Client) -> None:
    """Given a worker that has claimed a batch / When its process is killed

    I expect the job to end with the right totals, and the container to come back.
    """
    text = "".join(generate(100_000, seed=11))
    job = _submit(api, "large.csv", slow_to_map(text))
    victim = wait_until("a worker with a batch", lambda: _stop_worker_with_batch(stack, api, job["id"]))

    send_signal(victim, "KILL")

    job = wait_until("the job", lambda: _ended(api, job["id"]), 300)
    assert job["status"] == "completed", job["error"]
    # An idle worker may back up the batch of the stopped one before the lease ends.
    assert _counter(api, "retried") + _counter(api, "backed_up") >= 1
    assert _summary(api, job=job["id"]) == _summary_of(text)
    wait_until("the restart", lambda: _restarts(victim) == 1, poll_s=POLL_S)
    stack.wait_healthy()


def test_workers_can_be_added(stack: Stack, api: httpx2.Client) -> None:
    stack.compose("up", "-d", "--scale", "worker=6")

    wait_until("six workers", lambda: len(_get(api, "/api/v1/workers")["items"]) == 6)
    stack.wait_healthy()


def test_a_stop_is_clean_and_a_start_resumes_from_there(stack: Stack, api: httpx2.Client) -> None:
    before, password = _get(api, "/api/v1/metrics/summary"), _redis_password(stack)

    stack.compose("stop")
    codes = {container["Name"]: container["State"]["ExitCode"] for container in stack.containers()}
    stack.compose("start")
    stack.wait_healthy()

    assert set(codes.values()) == {0}, codes
    assert _get(api, "/api/v1/metrics/summary") == before
    assert _redis_password(stack) == password


def test_webhooks_leave_this_machine_only_with_the_file_for_them(
    stack: Stack, api: httpx2.Client, outside: Outside
) -> None:
    def start_aggregator(**variables: str) -> None:
        stack.compose("up", "-d", "--no-deps", "aggregator", **variables)
        stack.wait_healthy()

    def tries() -> int:
        return stack.compose("logs", "aggregator").count("webhook not sent")

    start_aggregator(AUTOCONNECT_WEBHOOK_URL=outside.url("/hook"))
    _run(api, "webhooks.csv", SHIPPED)
    wait_until("a try", tries, poll_s=POLL_S)
    assert outside.seen() == []
    files = "docker-compose.yml:deploy/webhooks.yml"
    start_aggregator(AUTOCONNECT_WEBHOOK_URL=outside.url("/hook"), COMPOSE_FILE=files)
    outside.wait_for("POST /hook HTTP/1.1")
    start_aggregator()
    output("docker", "network", "rm", f"{stack.project}_out")


def test_a_file_of_keys_restricts_the_api_and_no_key_shows_in_the_engine(
    stack: Stack, api: httpx2.Client, tmp_path: Path
) -> None:
    reader, writer = secrets.token_hex(16), secrets.token_hex(16)
    keys = tmp_path / "api-keys"
    keys.write_text(f"reports:read:{reader}\nops:write:{writer}\n")
    for path in (tmp_path, keys):
        path.chmod(0o755)  # for the user of the container

    stack.compose("up", "-d", "--no-deps", "api", SECRETS=str(tmp_path), AUTOCONNECT_API_KEY_FILE="/secrets/api-keys")
    stack.wait_healthy()

    answers = [
        api.delete("/api/v1/jobs/x", headers=headers).status_code
        for headers in ({}, {"X-API-Key": reader}, {"X-API-Key": writer})
    ]
    assert answers == [401, 403, 404]
    (container,) = stack.containers("api")
    shown = json.dumps(container) + stack.compose("logs", "api")
    assert "ops" in shown, "the name of the key that was used"
    assert [key for key in (reader, writer) if key in shown] == []


def test_taking_the_stack_down_leaves_nothing(stack: Stack) -> None:
    assert stack.leftovers()

    stack.compose("down", "-v")

    assert stack.leftovers() == []


def test_the_env_example_and_the_compose_file_have_the_same_variables() -> None:
    example = re.findall(r"^(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    compose = (ROOT / "docker-compose.yml").read_text()
    passed_on = re.findall(r"^  (AUTOCONNECT_\w+):$", compose, re.MULTILINE)
    substituted = re.findall(r"\$\{(\w+):-", compose)

    assert set(example) == {*passed_on, *substituted}


def _require_compose(name: str) -> None:
    if output_or_none("docker", "version", "--format", "{{.Server.Version}}") is None:
        require("containers", "no Docker engine answers")
    if reason := problem(name):
        require(name, reason)


def _redis_password(stack: Stack) -> str:
    (redis,) = stack.containers("redis")
    url = output("docker", "exec", redis["Id"], "cat", "/access/url")
    return str(urlsplit(url.strip()).password)


def _call_redis(stack: Stack, *command: str) -> str:
    """Redis' answer to a command of a service, or its refusal."""
    code = f"""
from autoconnect.broker.connection import connect
from autoconnect.errors import BrokerUnavailable
from autoconnect.settings import load_settings
try:
    print(connect(load_settings().needed_redis_url()).call(*{command}))
except BrokerUnavailable as error:
    print(error)
"""
    return output("docker", "exec", stack.containers("orchestrator")[0]["Id"], "python", "-c", code)


def _get(api: httpx2.Client, path: str, **parameters: str) -> Any:
    response = api.get(path, params=parameters)
    assert response.status_code == 200, response.text
    return json.loads(response.text, parse_float=Decimal)


def _summary(api: httpx2.Client, **parameters: str) -> dict[str, Any]:
    (row,) = _get(api, "/api/v1/metrics/summary", **parameters)["rows"]
    summary: dict[str, Any] = row
    return summary


def _summary_of(text: str) -> dict[str, Any]:
    """The summary that a file without bad rows must have."""
    rows = list(csv.DictReader(io.StringIO(text)))
    dates = [row["date"] for row in rows]
    return {
        "transactions": len(rows),
        "revenue": sum(Decimal(row["prix"]) for row in rows),
        "cities": len({row["ville"] for row in rows}),
        "models": len({row["modele"] for row in rows}),
        "first_date": min(dates),
        "last_date": max(dates),
        "rows_read": len(rows),
        "rows_rejected": 0,
    }


def _counter(api: httpx2.Client, event: str) -> int:
    """How often an event has happened to batches, as Prometheus sees it."""
    sample = re.search(rf"^autoconnect_batches_{event}_total (\d+)", api.get("/metrics").text, re.MULTILINE)
    assert sample
    return int(sample[1])


def _submit(api: httpx2.Client, name: str, text: str) -> Any:
    uploaded = api.put(f"/api/v1/sources/{name}", content=text.encode())
    assert uploaded.status_code == 201, uploaded.text
    submitted = api.post("/api/v1/jobs", json={"source": name})
    assert submitted.status_code == 202, submitted.text
    return submitted.json()


def _run(api: httpx2.Client, name: str, text: str) -> Any:
    job_id = _submit(api, name, text)["id"]
    return wait_until(f"the job of {name}", lambda: _ended(api, job_id))


def _ended(api: httpx2.Client, job_id: str) -> Any:
    job = _get(api, f"/api/v1/jobs/{job_id}")
    return job if job["status"] in ENDED else None


def _latest_ended(api: httpx2.Client) -> Any:
    latest = api.get("/api/v1/jobs/latest")
    return latest.json() if latest.status_code == 200 and latest.json()["status"] in ENDED else None


def _stop_worker_with_batch(stack: Stack, api: httpx2.Client, job_id: str) -> str | None:
    """Stop a worker (SIGSTOP) that has a batch of the job; returns its container's id, or None if none has one."""
    containers = {container["Config"]["Hostname"]: container["Id"] for container in stack.containers("worker")}
    for worker in _workers_on(api, job_id):
        container: str = containers[worker["host"]]
        send_signal(container, "STOP")
        if worker["id"] in [busy["id"] for busy in _workers_on(api, job_id)]:
            return container
        send_signal(container, "CONT")
    return None


def _workers_on(api: httpx2.Client, job_id: str) -> list[dict[str, Any]]:
    """The workers that have a batch of the job."""
    workers = _get(api, "/api/v1/workers")["items"]
    return [worker for worker in workers if any(item.startswith(job_id) for item in worker["working_on"])]


def _restarts(container: str) -> int:
    return int(output("docker", "inspect", "--format", "{{.RestartCount}}", container))
