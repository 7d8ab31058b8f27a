"""Services get one or two signals, idle or without Redis: each process ends cleanly."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from autoconnect.broker.connection import Client
from tests.e2e.processes import environment
from tests.e2e.waiting import free_port, wait_until


def start(service: str, redis_url: str, folder: Path) -> subprocess.Popen[str]:
    settings = {
        "REDIS_URL": redis_url,
        "DATA_DIR": str(folder),
        "UPLOAD_DIR": str(folder / "uploads"),
        "HEALTH_FILE": str(folder / "round"),
        "PORT": str(free_port()),
    }
    return subprocess.Popen(
        [sys.executable, "-m", f"{service}.main"],
        env=environment({f"AUTOCONNECT_{name}": value for name, value in settings.items()}),
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("service", ["orchestrator", "worker", "aggregator"])
def test_two_signals_end_a_service_as_cleanly_as_one(
    service: str, redis_url: str, client: Client, tmp_path: Path
) -> None:
    process = start(service, redis_url, tmp_path)
    wait_until("a round", (tmp_path / "round").exists)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGINT)
    _, messages = process.communicate(timeout=120)
    assert process.returncode == 0, messages
    assert "Traceback" not in messages


@pytest.mark.parametrize("service", ["orchestrator", "worker", "aggregator"])
def test_a_service_that_cannot_reach_redis_ends_when_asked(service: str, client: Client, tmp_path: Path) -> None:
    process = start(service, f"redis://127.0.0.1:{free_port()}", tmp_path)
    assert process.stderr
    for line in process.stderr:
        if "redis unavailable" in line:
            break
    process.send_signal(signal.SIGTERM)
    _, messages = process.communicate(timeout=120)
    assert process.returncode == 0, messages
    assert "Traceback" not in messages
    assert not (tmp_path / "round").exists(), "no round ends without Redis"
