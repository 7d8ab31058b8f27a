"""The engine `dask` on real clusters of processes: its results, and what it says when one of them dies."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from autoconnect.client import Watcher
from autoconnect.core.dialect import NOTHING_GIVEN
from autoconnect.core.metrics import CATALOGUE
from autoconnect.engines import engine_of
from autoconnect.engines.base import Ended
from autoconnect.errors import AutoConnectError
from autoconnect.generate import generate
from autoconnect.models import Job, JobStatus
from autoconnect.settings import load_settings
from tests import oracle
from tests.e2e.processes import descendants, environment, lives
from tests.e2e.waiting import free_port, wait_until
from tests.files import slow_to_map

ROWS = 4_000
WORKERS = 2


class Cluster:
    """A scheduler and workers, each a process of its own."""

    def __init__(self, folder: Path, running: ExitStack) -> None:
        self._folder = folder
        self._running = running
        self.address = f"tcp://127.0.0.1:{free_port()}"
        port = self.address.rpartition(":")[2]
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard")
        self.workers = [self._start("worker", self.address, "--no-nanny", "--no-dashboard") for _ in range(WORKERS)]

    def _start(self, *command: str) -> subprocess.Popen[str]:
        with (self._folder / "messages.txt").open("a") as messages:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *command], cwd=self._folder, stdout=messages, stderr=messages, text=True
            )
        self._running.callback(process.wait)
        self._running.callback(process.kill)
        return process

    def wait_until_up(self) -> None:
        messages = self._folder / "messages.txt"
        wait_until("workers", lambda: messages.read_text().count("Registered to:") == WORKERS)


@contextmanager
def started(folder: Path) -> Iterator[Cluster]:
    with ExitStack() as running:
        cluster = Cluster(folder, running)
        cluster.wait_until_up()
        yield cluster


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A cluster for a test that kills a part of it."""
    with started(tmp_path) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster for all tests that leave it running."""
    with started(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def data() -> bytes:
    return "".join(generate(ROWS, seed=8, bad_ratio=0.03)).encode()


def ended(data: bytes, folder: Path, scheduler: str | None, watch: Watcher = lambda job: None) -> Ended:
    """Run a file as a job of many batches, which the plain mapper maps slowly enough to kill a worker meanwhile."""
    (folder / "any.csv").write_bytes(data)
    settings = load_settings(dask_scheduler=scheduler, batch_bytes=5_000, workers=WORKERS, mapper="plain")
    return engine_of("dask")(folder / "any.csv", settings, NOTHING_GIVEN, watch)


def assert_is_right(run: Ended, data: bytes) -> None:
    rows, rejects = oracle.read_rows(data)
    expected = {name: oracle.metric(name, rows, len(rows) + len(rejects), len(rejects)) for name in CATALOGUE}
    assert (run.job.status, run.job.error) == (JobStatus.COMPLETED, None)
    assert {name: list(table.rows) for name, table in run.metrics.items()} == expected
    assert len(run.rejects.rows) == len(rejects)


def test_a_cluster_of_this_machine_gives_the_result_of_the_oracle(data: bytes, tmp_path: Path) -> None:
    watched: list[Job] = []
    run = ended(data, tmp_path, None, watched.append)
    assert_is_right(run, data)
    assert run.job.batches.total == run.job.batches.done > 20
    assert watched[-1] == run.job


def test_the_death_of_a_worker_changes_no_result(cluster: Cluster, tmp_path: Path) -> None:
    """Given a cluster that runs already / When one of two workers is killed after some batches"""
    data = slow_to_map("".join(generate(ROWS, seed=8, bad_ratio=0.03))).encode()
    victim = cluster.workers[0]

    def kill_once(job: Job) -> None:
        if job.batches.done == 5:
            victim.send_signal(signal.SIGKILL)

    run = ended(data, tmp_path, cluster.address, kill_once)
    assert victim.wait() == -signal.SIGKILL
    assert_is_right(run, data)


def test_the_death_of_the_scheduler_ends_a_run_with_one_sentence(cluster: Cluster, data: bytes, tmp_path: Path) -> None:
    def kill_once(job: Job) -> None:
        if job.batches.done == 5:
            cluster.scheduler.send_signal(signal.SIGKILL)

    with pytest.raises(AutoConnectError, match=rf"The Dask scheduler at {cluster.address} .*does not answer"):
        ended(data, tmp_path, cluster.address, kill_once)


def test_a_batch_that_dask_gives_up_ends_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a scheduler that gives up at the first death of a worker"""
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "0")
    data = slow_to_map("".join(generate(ROWS, seed=8, bad_ratio=0.03))).encode()
    with ExitStack() as running:
        cluster = Cluster(tmp_path, running)
        cluster.wait_until_up()

        def kill_once(job: Job) -> None:
            if job.batches.done == 5:
                cluster.workers[0].send_signal(signal.SIGKILL)

        with pytest.raises(AutoConnectError, match="Dask gave up a batch, because 1 of its workers died"):
            ended(data, tmp_path, cluster.address, kill_once)


def test_a_scheduler_that_cannot_be_reached_ends_a_run_with_one_sentence(data: bytes, tmp_path: Path) -> None:
    address = f"tcp://127.0.0.1:{free_port()}"
    with pytest.raises(AutoConnectError, match=rf"The Dask scheduler at {address} \(AUTOCONNECT_DASK_SCHEDULER\)"):
        ended(data, tmp_path, address)


@pytest.mark.parametrize(("content", "reason"), [("no header\n1,2\n", "The header lacks")])
def test_a_source_that_cannot_be_read_fails_the_job(shared: Cluster, tmp_path: Path, content: str, reason: str) -> None:
    run = ended(content.encode(), tmp_path, shared.address)
    assert (run.job.status, run.metrics) == (JobStatus.FAILED, {})
    assert reason in str(run.job.error)


def test_a_source_without_rows_has_an_empty_result(shared: Cluster, tmp_path: Path) -> None:
    run = ended(b"id,date,ville,type,modele,prix,duree_mois\n", tmp_path, shared.address)
    assert (run.job.status, run.job.batches.total, run.job.rows.read) == (JobStatus.COMPLETED, 0, 0)


def test_a_record_that_crosses_a_batch_is_planned_again(shared: Cluster, tmp_path: Path) -> None:
    lines = "".join(f'{number},2024-01-31,Lyon,vente,Clio,5,,"a\nb\nc"\n' for number in range(1_000))
    data = f"id,date,ville,type,modele,prix,duree_mois,remarque\n{lines}".encode()
    assert_is_right(ended(data, tmp_path, shared.address), data)


def test_ctrl_c_ends_a_run_and_its_cluster_without_a_traceback(data: bytes, tmp_path: Path) -> None:
    """Given a terminal, which also sends Ctrl-C to the processes of the cluster"""
    (tmp_path / "any.csv").write_bytes(data)
    command = [sys.executable, "-m", "autoconnect.cli.main", "run", "any.csv", "--engine", "dask"]
    with (tmp_path / "messages.txt").open("w") as messages:
        process = subprocess.Popen(
            command, cwd=tmp_path, env=environment(), stdout=messages, stderr=messages, start_new_session=True
        )
    below = wait_until("a worker", lambda: pids if len(pids := descendants(process.pid)) >= 2 else None, poll_s=0.02)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(60) == 130
    wait_until("their end", lambda: not any(lives(pid) for pid in below))
    assert "Traceback" not in (tmp_path / "messages.txt").read_text()
