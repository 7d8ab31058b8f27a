"""The profile `dask` of docker-compose.yml: as Compose reads it, and as a running stack whose batches Dask maps."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest

from autoconnect.generate import generate
from autoconnect.models import API_PREFIX
from tests import oracle
from tests.e2e.compose import COMMANDS, POLL_S, Stack, output, problem, running, send_signal
from tests.e2e.waiting import wait_until
from tests.required import require

_PROFILE = ("--profile", "dask")
_ADDED = {"dask", "dask-scheduler", "dask-worker"}
ROWS = 20_000


def config(folder: Path, *options: str) -> dict[str, Any]:
    if reason := problem("compose-v2"):
        require("compose-v2", reason)
    (no_env := folder / "env").touch()
    command = (*COMMANDS["compose-v2"], "--env-file", str(no_env), *options, "config", "--format", "json")
    found: dict[str, Any] = json.loads(output(*command))
    return found


def test_the_profile_adds_services_on_the_internal_network_only(tmp_path: Path) -> None:
    default, whole = config(tmp_path)["services"], config(tmp_path, *_PROFILE)["services"]
    assert set(whole) - set(default) == _ADDED
    assert {name: whole[name] for name in default} == default
    for name in _ADDED:
        service = whole[name]
        assert list(service["networks"]) == ["back"], "Dask runs whatever it is sent"
        assert "ports" not in service
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert int(service["mem_limit"]) == int(service["memswap_limit"]) == 512 << 20
        assert service["cpus"] <= 1
        assert all(volume.get("read_only") for volume in service.get("volumes", []))


@pytest.fixture
def stack(tmp_path: Path, images: ExitStack) -> Iterator[Stack]:
    """A stack without workers of its own."""
    compose = next(iter(COMMANDS))
    if reason := problem(compose):
        require(compose, reason)
    (settings := tmp_path / "env").write_text("AUTOCONNECT_BATCH_BYTES=100000\n")
    with running(compose, settings, images, *_PROFILE, up=("--scale", "worker=0")) as stack:
        yield stack


@pytest.mark.containers
@pytest.mark.timeout(1_200)
def test_a_job_ends_with_the_right_result_though_parts_of_the_cluster_are_killed(stack: Stack) -> None:
    """When a worker of the cluster and its scheduler are killed in mid-job, and started again"""
    stack.wait_healthy()
    data = "".join(generate(ROWS, seed=12, bad_ratio=0.01)).encode()
    [scheduler] = (each["Id"] for each in stack.containers("dask-scheduler"))
    first, second = (each["Id"] for each in stack.containers("dask-worker"))
    with httpx2.Client(base_url=f"{stack.url}{API_PREFIX}", timeout=120) as api:
        api.put("/sources/any.csv", content=data).raise_for_status()
        for worker in (first, second):
            send_signal(worker, "STOP")
        job_id = api.post("/jobs", json={"source": "any.csv"}).raise_for_status().json()["id"]

        def all_work() -> bool:
            return all(each["working_on"] for each in api.get("/workers").raise_for_status().json()["items"])

        def completed() -> dict[str, Any] | None:
            found: dict[str, Any] = api.get(f"/jobs/{job_id}").raise_for_status().json()
            return found if found["status"] == "completed" else None

        wait_until("all workers to have a batch", all_work)
        output("docker", "kill", first, scheduler)
        output("docker", "start", scheduler, first)
        send_signal(second, "CONT")  # it ends, since it has lost its scheduler, and Docker starts it again
        ended = wait_until("the end of the job", completed, 300, POLL_S)
        rows, rejects = oracle.read_rows(data)
        assert (ended["rows"]["accepted"], ended["rows"]["rejected"]) == (len(rows), len(rejects))
        assert ended["batches"]["retried"] == 0
        expected = oracle.metric("monthly-revenue", rows, len(rows) + len(rejects), len(rejects))
        answer = api.get("/metrics/monthly-revenue").raise_for_status().text
        assert json.loads(answer, parse_float=Decimal)["rows"] == expected
