"""Killing what runs, for real: the result is the same."""

import os
import signal
from pathlib import Path

from autoconnect.generate import generate
from tests.e2e.processes import Up, descendants, running
from tests.e2e.waiting import wait_until
from tests.files import slow_to_map

ROWS = 400_000


def write_big_source(up: Up) -> int:
    """Writes big.csv; returns the sum of its prices in cents."""
    text = "".join(generate(ROWS, seed=4))
    (up.folder / "data" / "big.csv").write_text(slow_to_map(text))
    prices = (line.split(",")[5] for line in text.splitlines()[1:])
    return sum(int(price.replace(".", "")) for price in prices)


def test_workers_killed_in_the_middle_of_a_job_change_nothing(folder: Path) -> None:
    with running(folder, {"AUTOCONNECT_BATCH_BYTES": "100000"}) as up:
        cents = write_big_source(up)
        wait_until("three workers", lambda: len(up.get("/workers")["items"]) == 3)
        job_id = up.submit("big.csv")
        for _ in range(2):
            victim = wait_until(
                "a worker at work",
                lambda: next((worker for worker in up.get("/workers")["items"] if worker["working_on"]), None),
            )
            os.kill(victim["pid"], signal.SIGKILL)
        job = up.ended(job_id)
        assert (job["status"], job["error"]) == ("completed", None)
        assert job["rows"] == {"read": ROWS, "accepted": ROWS, "rejected": 0}
        assert job["batches"]["done"] == job["batches"]["total"] > 50
        assert job["batches"]["retried"] >= 1
        (summary,) = up.get("/metrics/summary", params={"job": job_id})["rows"]
        assert round(summary["revenue"] * 100) == cents
        wait_until("the workers to be replaced", lambda: len(up.get("/workers")["items"]) == 3)


def test_the_orchestrator_and_the_aggregator_killed_in_the_middle_of_a_job_change_nothing(folder: Path) -> None:
    with running(folder, {"AUTOCONNECT_BATCH_BYTES": "100000"}) as up:
        cents = write_big_source(up)
        job_id = up.submit("big.csv")
        wait_until("progress", lambda: up.get(f"/jobs/{job_id}")["batches"]["done"] > 5)
        for pid, line in descendants(up.process.pid).items():
            if line.endswith(("orchestrator.main", "aggregator.main")):
                os.kill(pid, signal.SIGKILL)
        job = up.ended(job_id)
        assert (job["status"], job["error"]) == ("completed", None)
        (summary,) = up.get("/metrics/summary", params={"job": job_id})["rows"]
        assert round(summary["revenue"] * 100) == cents


def test_results_outlive_the_stack(folder: Path) -> None:
    (folder / "data" / "transactions_autoconnect.csv").write_text("".join(generate(100, seed=4)))
    with running(folder) as up:
        first = wait_until("the first job", up.latest)
        assert up.ended(first["id"])["status"] == "completed"
    with running(folder) as up:
        assert [job["id"] for job in up.get("/jobs")["items"]] == [first["id"]]
        assert up.get("/metrics/summary")["rows"][0]["transactions"] == 100


def test_the_embedded_redis_killed_in_the_middle_of_a_job_changes_nothing(folder: Path) -> None:
    with running(folder, {"AUTOCONNECT_BATCH_BYTES": "100000"}) as up:
        cents = write_big_source(up)
        job_id = up.submit("big.csv")
        wait_until("progress", lambda: up.get(f"/jobs/{job_id}")["batches"]["done"] > 5)
        for pid, line in descendants(up.process.pid).items():
            if "valkey-server" in line or "redis-server" in line:
                os.kill(pid, signal.SIGKILL)
        wait_until("Redis", up.answers)
        job = up.ended(job_id)
        assert (job["status"], job["error"], job["batches"]["dead"]) == ("completed", None, 0)
        assert job["rows"] == {"read": ROWS, "accepted": ROWS, "rejected": 0}
        (summary,) = up.get("/metrics/summary", params={"job": job_id})["rows"]
        assert round(summary["revenue"] * 100) == cents
