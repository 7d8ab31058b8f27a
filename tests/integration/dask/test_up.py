"""The engine `dask` under `autoconnect up`, on a real cluster whose processes are killed or stand still."""

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

from autoconnect.settings import PREFIX
from tests import oracle
from tests.e2e.processes import Up, running
from tests.e2e.waiting import wait_until
from tests.integration.dask.cluster import WORKERS, Cluster
from worker.cluster import CONNECT_S


@contextmanager
def up_with_held_workers(cluster: Cluster, data: bytes, folder: Path) -> Iterator[tuple[Up, str]]:
    """`autoconnect up`, and the id of its job. The cluster has batches of the job, but its workers are stopped."""
    (folder / "data").mkdir()
    (folder / "data" / "any.csv").write_bytes(data)
    settings = {"ENGINE": "dask", "DASK_SCHEDULER": cluster.address, "MAPPER": "plain", "BATCH_BYTES": "5000"}
    settings |= {"SOURCE": "any.csv", "WORKERS": str(WORKERS)}
    cluster.signal_workers(signal.SIGSTOP)
    with running(folder, {PREFIX + name: value for name, value in settings.items()}) as up:

        def all_work() -> bool:
            workers = up.get("/workers")["items"]
            return bool(workers) and all(each["working_on"] for each in workers)

        wait_until("all workers to have a batch", all_work)
        job = up.latest()
        assert job
        yield up, job["id"]


def test_a_cluster_gets_what_is_missing_after_the_worker_is_killed(
    cluster: Cluster, data: bytes, tmp_path: Path
) -> None:
    """Given the process that hands out batches / When it is killed with all that it has claimed"""
    with up_with_held_workers(cluster, data, tmp_path) as (up, job_id):
        [process] = {each["pid"] for each in up.get("/workers")["items"]}
        os.kill(process, signal.SIGKILL)
        cluster.signal_workers(signal.SIGCONT)
        assert up.ended(job_id)["status"] == "completed"
        rows, rejects = oracle.read_rows(data)
        expected = oracle.metric("monthly-revenue", rows, len(rows) + len(rejects), len(rejects))
        answer = up.client.get("/api/v1/metrics/monthly-revenue").text
        assert json.loads(answer, parse_float=Decimal)["rows"] == expected


def test_a_job_that_is_cancelled_ends_at_once_and_the_next_one_runs(
    cluster: Cluster, data: bytes, tmp_path: Path
) -> None:
    with up_with_held_workers(cluster, data, tmp_path) as (up, job_id):
        assert up.client.delete(f"/api/v1/jobs/{job_id}").json()["status"] == "cancelled"
        cluster.signal_workers(signal.SIGCONT)
        ended = up.ended(up.submit("any.csv"))
        assert (ended["status"], ended["batches"]["retried"]) == ("completed", 0)


def test_the_stack_ends_in_time_though_its_cluster_has_no_workers(
    cluster: Cluster, data: bytes, tmp_path: Path
) -> None:
    with up_with_held_workers(cluster, data, tmp_path):
        cluster.signal_workers(signal.SIGKILL)
    messages = (tmp_path / "messages.txt").read_text()
    assert "Traceback" not in messages
    assert "did not end in time" not in messages


def test_a_scheduler_that_was_away_while_nothing_ran_is_found_again(
    cluster: Cluster, data: bytes, tmp_path: Path
) -> None:
    """Given a scheduler that is away for longer than a client tries to reach it"""
    with up_with_held_workers(cluster, data, tmp_path) as (up, first):
        cluster.signal_workers(signal.SIGCONT)
        assert up.ended(first)["status"] == "completed"
        for each in (cluster.scheduler, *cluster.workers):
            each.kill()
            each.wait()
        time.sleep(2 * CONNECT_S)
        job_id = up.submit("any.csv")
        wait_until("a failed attempt", lambda: "cluster unavailable" in (tmp_path / "messages.txt").read_text())
        cluster.start()
        ended = up.ended(job_id)
        assert (ended["status"], ended["batches"]["retried"]) == ("completed", 0)


def test_a_scheduler_that_stands_still_in_mid_job_delays_it(cluster: Cluster, data: bytes, tmp_path: Path) -> None:
    with up_with_held_workers(cluster, data, tmp_path) as (up, job_id):
        cluster.scheduler.send_signal(signal.SIGSTOP)
        wait_until("the loss", lambda: "cluster unavailable" in (tmp_path / "messages.txt").read_text())
        cluster.scheduler.send_signal(signal.SIGCONT)
        cluster.signal_workers(signal.SIGCONT)
        ended = up.ended(job_id)
        assert (ended["status"], ended["batches"]["retried"]) == ("completed", 0)


def test_the_stack_ends_in_time_though_the_scheduler_stands_still(
    cluster: Cluster, data: bytes, tmp_path: Path
) -> None:
    with up_with_held_workers(cluster, data, tmp_path):
        cluster.scheduler.send_signal(signal.SIGSTOP)
    messages = (tmp_path / "messages.txt").read_text()
    assert "Traceback" not in messages
    assert "did not end in time" not in messages
