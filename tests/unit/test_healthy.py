"""The health check of containers, run as they run it."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest


def check(limit: str, file: Path) -> tuple[int, str]:
    """The exit code, and what it says."""
    environment = {**os.environ, "AUTOCONNECT_HEALTH_FILE": str(file)}
    command = [sys.executable, "-m", "autoconnect.healthy", limit]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert not done.stdout
    return done.returncode, done.stderr.strip()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "round"


def test_a_service_that_has_just_finished_a_round_is_healthy(file: Path) -> None:
    file.touch()
    assert check("15", file) == (0, "")


def test_a_service_without_a_recent_round_is_not(file: Path) -> None:
    file.touch()
    then = time.time() - 40
    os.utime(file, (then, then))
    assert check("60", file) == (0, "")
    code, message = check("15", file)
    assert (code, message[:27]) == (1, "The last round ended 40 s a")
    assert message.endswith("expected less than 15 s.")


def test_a_service_that_has_finished_no_round_is_not(file: Path) -> None:
    code, message = check("15", file)
    assert (code, message) == (1, f"No round has ended yet: {file} cannot be read: No such file or directory.")


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/ready" else 503)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_an_api_is_healthy_if_it_answers_with_success(url: str, file: Path) -> None:
    assert check(f"{url}/ready", file) == (0, "")
    code, message = check(f"{url}/other", file)
    assert code == 1
    assert f"{url}/other does not answer as it should" in message
    assert "503" in message


def test_an_api_that_cannot_be_reached_is_not_healthy(file: Path) -> None:
    code, message = check("http://127.0.0.1:1/", file)
    assert code == 1
    assert "does not answer as it should" in message


def test_the_check_imports_nothing_that_takes_long() -> None:
    """Containers run it every few seconds."""
    code = "import sys; before = set(sys.modules); import autoconnect.healthy; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"autoconnect", "autoconnect.healthy"} <= set(done.stdout.split())
    assert {name.partition(".")[0] for name in done.stdout.split()} <= {"autoconnect", "os", "sys", "time"}
