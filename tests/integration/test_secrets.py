"""Redis' password and the API's keys are in no output and no answer of the product, whatever goes wrong."""

import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from autoconnect.broker.connection import answers, connect
from autoconnect.broker.keys import JobKeys
from autoconnect.errors import AutoConnectError, SettingsError
from autoconnect.local.embedded import find_server
from autoconnect.local.supervisor import launch
from autoconnect.models import JobStatus
from autoconnect.settings import load_settings
from tests.e2e.processes import autoconnect, environment
from tests.e2e.waiting import free_port, wait_until
from tests.integration.stack import Stack
from worker.group import GroupPolicy

PASSWORD, WRONG_PASSWORD, KEY, WRONG_KEY = "pass-2f7c", "pass-91d0", "key-5b3e-0123456789", "key-c84a-0123456789"
SECRETS = (PASSWORD, WRONG_PASSWORD, KEY, WRONG_KEY)
SERVICES = ("orchestrator", "worker", "aggregator", "api")


class Server:
    """A Redis on a port of the loopback that asks for a password."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = self.url_with(PASSWORD)
        command = [*(find_server(), "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""), "--requirepass"]
        self.process = launch([*command, PASSWORD, "--dir", str(folder), "--logfile", str(folder / "redis.log")])
        wait_until("the server", lambda: answers(self.url))

    def url_with(self, password: str) -> str:
        return f"redis://:{password}@127.0.0.1:{self.port}/0"

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    yield server
    server.end()


class Service:
    """A service as a process, with its output in a file."""

    def __init__(self, name: str, folder: Path, url: str, log_format: str, **extra: str) -> None:
        self.output = folder / f"{name}.txt"
        settings = {"REDIS_URL": url, "API_KEY": KEY, "LOG_FORMAT": log_format, "LOG_LEVEL": "DEBUG", **extra}
        variables = {f"AUTOCONNECT_{name}": value for name, value in settings.items()}
        with self.output.open("w") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", f"{name}.main"], env=environment(variables), cwd=folder, stdout=file, stderr=file
            )

    def wait_for(self, text: str) -> None:
        wait_until(f"{text!r} in {self.output}", lambda: text in self.output.read_text())

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


@contextmanager
def services(names: Sequence[str], folder: Path, url: str, log_format: str, **extra: str) -> Iterator[list[Service]]:
    """Services that are ended after the block; their output must have no secret in it."""
    started = [Service(name, folder, url, log_format, **extra) for name in names]
    try:
        yield started
    finally:
        for service in started:
            service.end()
    for service in started:
        assert_no_secret(service.output.read_text())


def assert_no_secret(text: str) -> None:
    assert [secret for secret in SECRETS if secret in text] == []


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_services_reveal_no_secret_when_redis_refuses_them(server: Server, tmp_path: Path, log_format: str) -> None:
    port = free_port()
    url = server.url_with(WRONG_PASSWORD)
    with (
        services(SERVICES, tmp_path, url, log_format, PORT=str(port)) as started,
        httpx2.Client(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        for service in started[:-1]:
            service.wait_for("redis unavailable")
        wait_until("the API", lambda: is_live(client))
        ready = client.get("/health/ready")
        refused = client.post("/api/v1/jobs", json={}, headers={"X-API-Key": WRONG_KEY})
        failed = client.post("/api/v1/jobs", json={}, headers={"Authorization": f"Bearer {KEY}"})
        assert (ready.status_code, refused.status_code, failed.status_code) == (503, 401, 503)
        for response in (ready, refused, failed):
            assert_no_secret(response.text + str(response.headers))


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_services_reveal_no_secret_when_redis_dies(server: Server, tmp_path: Path, log_format: str) -> None:
    port = free_port()
    with (
        services(SERVICES, tmp_path, server.url, log_format, PORT=str(port)) as started,
        httpx2.Client(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        wait_until("the API", lambda: is_live(client) and client.get("/health/ready").status_code == 200)
        started[1].wait_for("worker ready")
        server.end()
        for service in started[:-1]:
            service.wait_for("redis unavailable")
        response = client.get("/api/v1/jobs", headers={"X-API-Key": KEY})
        assert response.status_code == 503
        assert_no_secret(response.text)


def is_live(client: httpx2.Client) -> bool:
    try:
        return client.get("/health/live").status_code == 200
    except httpx2.TransportError:
        return False


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_the_traceback_of_a_batch_that_fails_has_no_secret(server: Server, tmp_path: Path, log_format: str) -> None:
    """Given batches whose lines in Redis are damaged, so that a worker fails with an unexpected exception

    I expect its log to have the traceback but no variables, because the settings are among them.
    """
    client = connect(server.url)
    stack = Stack(client, server.url, tmp_path, GroupPolicy(), batch_transport="inline")
    lines = JobKeys(job_id := stack.planned(stack.generated())).lines
    for number in client.call("HKEYS", lines):
        client.call("HSET", lines, number, b"damaged, and not short")
    with services(["worker"], tmp_path, server.url, log_format) as (worker,):
        wait_until("the end of the job", lambda: stack.job(job_id).status is JobStatus.FAILED)
        output = worker.output.read_text()
        assert "batch failed" in output
        assert "Traceback (most recent call last)" in output
        assert "zlib.error" in output
    assert_no_secret(stack.job(job_id).error or "")
    stack.close()
    client.close()


def test_the_command_reveals_no_secret_when_redis_refuses_it_or_does_not_answer(server: Server, tmp_path: Path) -> None:
    (tmp_path / "source.csv").write_text("id,date,city,type,model,price\n")
    for url in (server.url_with(WRONG_PASSWORD), f"redis://:{PASSWORD}@127.0.0.1:{free_port()}/0"):
        for command in (("run", "source.csv"), ("up", "--port", str(free_port()))):
            ended = autoconnect(
                *command, cwd=tmp_path, extra={"AUTOCONNECT_REDIS_URL": url, "AUTOCONNECT_API_KEY": KEY}
            )
            assert ended.returncode == 1
            assert ended.stderr.startswith("autoconnect: Redis ")
            assert len(ended.stderr.splitlines()) == 1
            assert_no_secret(ended.stdout + ended.stderr)


def test_a_service_with_an_unusable_secret_ends_and_names_only_its_variable(tmp_path: Path) -> None:
    for name, value in {"REDIS_URL": f"redis://:{PASSWORD}/x@127.0.0.1:1", "API_KEY": f"{KEY}\u20ac"}.items():
        extra = {f"AUTOCONNECT_{name}": value}
        for command in ([f"{SERVICES[0]}.main"], ["autoconnect.cli.main", "run"]):
            ended = subprocess.run(
                [sys.executable, "-m", *command], env=environment(extra), cwd=tmp_path, capture_output=True, text=True
            )
            assert ended.returncode in (1, 2)
            assert f"AUTOCONNECT_{name}" in ended.stderr
            assert "Traceback" not in ended.stderr
            assert_no_secret(ended.stdout + ended.stderr)


@pytest.mark.parametrize(
    "url",
    [
        "redis://:{}@127.0.0.1:1/0",
        "redis://{}@127.0.0.1:1",
        "redis://user:{}@127.0.0.1:1",
        "rediss://:{}@127.0.0.1:1",
        "unix://:{}@/nowhere/redis.sock",
        "redis://127.0.0.1:1/0?password={}",
        "redis://:{}@127.0.0.1:1/nothing",
        "redis://:{}@127.0.0.1:1/0?socket_timeout=long",
        "redis://127.0.0.1:1/0?password={}&unknown=1",
        "redis://:{}/x@127.0.0.1:1",
        "redis://:{}#x@127.0.0.1:1",
        "redis://:{}?x@127.0.0.1:1",
        "redis://:{}@[::1",
        "http://:{}@127.0.0.1",
        "{}",
    ],
)
def test_no_error_about_a_url_has_its_password(url: str) -> None:
    """The settings raise the error, or the first call does."""
    with pytest.raises(AutoConnectError) as caught:
        connect(load_settings(redis_url=url.format(PASSWORD)).needed_redis_url()).ping()
    assert_no_secret("".join(traceback.format_exception(caught.value)))


def test_the_repr_of_the_settings_has_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOCONNECT_REDIS_URL", f"redis://:{PASSWORD}@localhost")
    monkeypatch.setenv("AUTOCONNECT_API_KEY", KEY)
    assert_no_secret(repr(load_settings()))


def test_a_password_that_looks_like_a_port_is_not_read_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOCONNECT_REDIS_URL", "redis://:1234/rest@redis")
    with pytest.raises(SettingsError, match="host and port cannot be read"):
        load_settings()
