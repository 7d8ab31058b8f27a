"""Real processes are killed while a job runs, and the result is the same."""

import os
import signal
from pathlib import Path

from autoconnect.generate import generate
from tests.e2e.processes import DEFAULT_WORKERS, Up, descendants, running
from tests.e2e.waiting import wait_until
from tests.files import slow_to_map

ROWS = 200_000


def write_big_source(up: Up) -> int:
    """Write big.csv; returns the sum of its prices in cents."""
    text = "".join(generate(ROWS, seed=4))
    (up.folder / "data" / "big.csv").write_text(slow_to_map(text))
    prices = (line.split(",")[5] for line in text.splitlines()[1:])
    return sum(int(price.replace(".", "")) for price in prices)


def test_workers_killed_in_the_middle_of_a_job_change_nothing(folder: Path) -> None:
    with running(folder, {**DEFAULT_WORKERS, "AUTOCONNECT_BATCH_BYTES": "100000"}) as up:
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


def test_a_batch_that_kills_every_worker_that_claims_it_is_dead_and_its_job_says_so(folder: Path) -> None:
    """Given MAX_DEATHS=3 and a job of one batch / When each worker that has it is killed"""
    with running(
        folder, {**DEFAULT_WORKERS, "AUTOCONNECT_BATCH_BYTES": "100000000", "AUTOCONNECT_MAX_DEATHS": "3"}
    ) as up:
        write_big_source(up)
        job_id = up.submit("big.csv")
        killed: set[str] = set()

        def kill_holder() -> bool:
            """Kill the worker that has the batch; returns whether the job has failed."""
            for worker in up.get("/workers")["items"]:
                if worker["working_on"] and worker["id"] not in killed:
                    os.kill(worker["pid"], signal.SIGKILL)
                    killed.add(worker["id"])
            return bool(up.get(f"/jobs/{job_id}")["status"] == "failed")

        wait_until("the job to fail", kill_holder)
        job = up.get(f"/jobs/{job_id}")
        assert job["error"] == "Batch 0 is dead after 3 deaths: its worker died."
        assert (job["batches"]["dead"], len(killed)) == (1, 3)
        (batch,) = up.get(f"/jobs/{job_id}/batches")["items"]
        assert (batch["state"], batch["deaths"]) == ("dead", 3)
        wait_until("the workers to be replaced", lambda: len(up.get("/workers")["items"]) == 3)
        retried = up.client.post(f"/api/v1/jobs/{job_id}/retry")
        assert retried.status_code == 202, retried.text
        job = up.ended(job_id)
        assert (job["status"], job["rows"]["accepted"]) == ("completed", ROWS)


def test_the_orchestrator_and_the_aggregator_killed_in_the_middle_of_a_job_change_nothing(folder: Path) -> None:
    with running(folder, {**DEFAULT_WORKERS, "AUTOCONNECT_BATCH_BYTES": "100000"}) as up:
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
    with running(folder, {**DEFAULT_WORKERS, "AUTOCONNECT_BATCH_BYTES": "100000"}) as up:
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
