"""Real processes are killed while a job runs, and the result is the same."""

import os
import signal
import tempfile
from pathlib import Path
from typing import Any

from autoconnect.generate import generate
from tests.e2e.processes import DEFAULT_WORKERS, Up, autoconnect, descendants, lives, running, start
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
        killed: set[str] = set()

        def at_work() -> list[dict[str, Any]]:
            """The workers with a batch that are not killed yet: a lease outlives its worker."""
            workers = up.get("/workers")["items"]
            return [worker for worker in workers if worker["working_on"] and worker["id"] not in killed]

        for _ in range(2):
            victim = wait_until("a worker at work", at_work)[0]
            os.kill(victim["pid"], signal.SIGKILL)
            killed.add(victim["id"])
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
        assert job["batches"]["dead"] == 1
        assert len(killed) in (3, 4)  # the fourth made a backup of the batch
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


def redis_servers(up: Up) -> list[int]:
    """The ids of the stack's servers."""
    return [pid for pid, line in descendants(up.process.pid).items() if "-server unixsocket:" in line]


def test_the_embedded_redis_killed_in_the_middle_of_a_job_changes_nothing(folder: Path) -> None:
    with running(folder, {**DEFAULT_WORKERS, "AUTOCONNECT_BATCH_BYTES": "100000"}) as up:
        cents = write_big_source(up)
        job_id = up.submit("big.csv")
        wait_until("progress", lambda: up.get(f"/jobs/{job_id}")["batches"]["done"] > 5)
        (killed,) = redis_servers(up)
        os.kill(killed, signal.SIGKILL)
        wait_until("a new Redis", lambda: redis_servers(up) not in ([], [killed]) and up.answers())
        job = up.ended(job_id)
        assert (job["status"], job["error"], job["batches"]["dead"]) == ("completed", None, 0)
        assert job["rows"] == {"read": ROWS, "accepted": ROWS, "rejected": 0}
        (summary,) = up.get("/metrics/summary", params={"job": job_id})["rows"]
        assert round(summary["revenue"] * 100) == cents


def test_the_next_start_removes_the_folders_of_a_killed_run_but_not_those_of_a_running_stack(folder: Path) -> None:
    """Given a stack and a run with the same TMPDIR / When the run is killed and another one starts"""
    sample = folder / "data" / "transactions_autoconnect.csv"
    sample.write_text("".join(generate(100, seed=4)))
    (folder / "killed").mkdir()
    with tempfile.TemporaryDirectory(prefix="tests-") as temporary:  # a socket's path must be short
        extra = {"TMPDIR": temporary}
        with running(folder, extra) as up:
            (of_stack,) = Path(temporary).iterdir()
            process = start("run", str(sample), cwd=folder / "killed", extra=extra)
            wait_until("the services of the run", lambda: len(descendants(process.pid)) == 4)
            below = descendants(process.pid)
            process.kill()
            process.wait()
            wait_until("their end", lambda: not any(lives(pid) for pid in below))
            assert len(list(Path(temporary).iterdir())) == 3
            assert autoconnect("run", str(sample), cwd=folder, extra=extra).returncode == 0
            assert list(Path(temporary).iterdir()) == [of_stack]
            assert up.answers()
        assert list(Path(temporary).iterdir()) == []
