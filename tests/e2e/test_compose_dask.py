"""The profile `dask` of docker-compose.yml: as Compose reads it, and as a running stack whose batches Dask maps."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest

from autoconnect.generate import generate
from autoconnect.models import API_PREFIX
from tests import oracle
from tests.e2e.compose import COMMANDS, POLL_S, Stack, output, problem, running
from tests.e2e.waiting import wait_until
from tests.files import slow_to_map
from tests.required import require

_PROFILE = ("--profile", "dask")
_ADDED = {"dask", "dask-scheduler", "dask-worker"}
ROWS = 60_000


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
    """When a worker of the cluster, then its scheduler are killed in mid-job, and started again"""
    stack.wait_healthy()
    text = slow_to_map("".join(generate(ROWS, seed=12, bad_ratio=0.01)))
    with httpx2.Client(base_url=f"{stack.url}{API_PREFIX}", timeout=120) as api:
        api.put("/sources/slow.csv", content=text.encode()).raise_for_status()
        job_id = api.post("/jobs", json={"source": "slow.csv"}).raise_for_status().json()["id"]

        def job() -> dict[str, Any]:
            found: dict[str, Any] = api.get(f"/jobs/{job_id}").raise_for_status().json()
            return found

        def has_done(batches: int) -> bool:
            return bool(job()["batches"]["done"] >= batches)

        for service, batches in (("dask-worker", 5), ("dask-scheduler", 20)):
            wait_until(f"{batches} batches", partial(has_done, batches))
            victim = stack.containers(service)[0]["Id"]
            output("docker", "kill", victim)
            assert job()["status"] == "running"
            output("docker", "start", victim)
        ended = wait_until("the end", lambda: found if (found := job())["status"] == "completed" else None, 300, POLL_S)
        rows, rejects = oracle.read_rows(text.encode())
        assert (ended["rows"]["accepted"], ended["rows"]["rejected"]) == (len(rows), len(rejects))
        expected = oracle.metric("monthly-revenue", rows, len(rows) + len(rejects), len(rejects))
        answer = api.get("/metrics/monthly-revenue").raise_for_status().text
        assert json.loads(answer, parse_float=Decimal)["rows"] == expected
