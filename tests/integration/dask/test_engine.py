"""The engine `dask` on real clusters of processes: its results, also when one of them dies, and what it says then."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import distributed
import pytest

from autoconnect.client import Watcher
from autoconnect.core.dialect import NOTHING_GIVEN
from autoconnect.core.metrics import CATALOGUE
from autoconnect.engines import engine_of
from autoconnect.engines.base import Ended
from autoconnect.errors import AutoConnectError
from autoconnect.models import Job, JobStatus
from autoconnect.settings import PREFIX, load_settings
from tests import oracle
from tests.e2e.processes import descendants, environment, lives
from tests.e2e.waiting import free_port, wait_until
from tests.integration.dask.cluster import WORKERS, Cluster, started

#: Runs a file on the cluster of a scheduler, or on one of its own.
Run = Callable[..., Ended]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster for all tests that leave it running."""
    with started(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture
def cluster_without_retries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "0")
    with started(tmp_path) as cluster:
        yield cluster


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a file as a job of many batches."""

    def run(data: bytes, scheduler: str | None, watch: Watcher = lambda job: None) -> Ended:
        (tmp_path / "any.csv").write_bytes(data)
        own = {"MAPPER": "plain", "BATCH_BYTES": "5000", "DASK_SCHEDULER": scheduler or "", "LOG_LEVEL": "ERROR"}
        for name, value in own.items():
            monkeypatch.setenv(PREFIX + name, value)
        settings = load_settings(engine="dask", workers=WORKERS)
        return engine_of("dask")(tmp_path / "any.csv", settings, NOTHING_GIVEN, watch)

    return run


@contextmanager
def held(cluster: Cluster, act: Callable[[], object]) -> Iterator[None]:
    """The cluster's workers stand still until each has a task; then `act` runs, and those that live go on."""

    def act_and_go_on() -> None:
        with distributed.Client(cluster.address, set_as_default=False) as client:
            wait_until("a task for each worker", lambda: all(client.processing().values()))
        act()
        cluster.signal_workers(signal.SIGCONT)

    cluster.signal_workers(signal.SIGSTOP)
    with ThreadPoolExecutor(1) as thread:
        acting = thread.submit(act_and_go_on)
        yield
        acting.result()


def assert_is_right(run: Ended, data: bytes) -> None:
    rows, rejects = oracle.read_rows(data)
    expected = {name: oracle.metric(name, rows, len(rows) + len(rejects), len(rejects)) for name in CATALOGUE}
    assert (run.job.status, run.job.error) == (JobStatus.COMPLETED, None)
    assert {name: list(table.rows) for name, table in run.metrics.items()} == expected
    assert len(run.rejects.rows) == len(rejects)


def test_a_cluster_of_this_machine_gives_the_result_of_the_oracle(run: Run, data: bytes) -> None:
    watched: list[Job] = []
    ended = run(data, None, watched.append)
    assert_is_right(ended, data)
    assert ended.job.batches.total == ended.job.batches.done > 20
    assert watched[-1] == ended.job


def test_the_death_of_a_worker_changes_no_result(run: Run, cluster: Cluster, data: bytes) -> None:
    with held(cluster, cluster.workers[0].kill):
        ended = run(data, cluster.address)
    assert cluster.workers[0].wait() == -signal.SIGKILL
    assert_is_right(ended, data)
    assert ended.job.batches.retried == 0  # Dask itself ran the tasks again


def test_the_death_of_the_scheduler_changes_no_result(run: Run, cluster: Cluster, data: bytes) -> None:
    """Given a scheduler that is killed, and started again with its workers, which end with it, as Compose does"""

    def replace() -> None:
        for each in (cluster.scheduler, *cluster.workers):
            each.kill()
            each.wait()
        cluster.start()

    with held(cluster, replace):
        ended = run(data, cluster.address)
    assert_is_right(ended, data)
    assert ended.job.batches.retried == 0  # what was claimed stayed claimed


def test_a_batch_that_dask_gives_up_is_mapped_again(run: Run, data: bytes, cluster_without_retries: Cluster) -> None:
    """Given a scheduler that gives up a task at the first death of a worker"""
    with held(cluster_without_retries, cluster_without_retries.workers[0].kill):
        ended = run(data, cluster_without_retries.address)
    assert_is_right(ended, data)
    assert ended.job.batches.retried > 0


def test_a_batch_that_dask_always_gives_up_fails_the_job(
    run: Run, data: bytes, cluster_without_retries: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PREFIX + "MAX_ATTEMPTS", "1")
    with held(cluster_without_retries, cluster_without_retries.workers[0].kill):
        ended = run(data, cluster_without_retries.address)
    assert (ended.job.status, ended.metrics) == (JobStatus.FAILED, {})
    assert "Dask gave up a batch, because 1 of its workers died" in str(ended.job.error)


def test_a_scheduler_that_cannot_be_reached_ends_a_run_with_one_sentence(run: Run, data: bytes) -> None:
    address = f"tcp://127.0.0.1:{free_port()}"
    with pytest.raises(AutoConnectError, match=rf"The Dask scheduler at {address} \(AUTOCONNECT_DASK_SCHEDULER\)"):
        run(data, address)


def test_without_dask_one_sentence_says_what_to_install(run: Run, data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(AutoConnectError, match=r"pip install 'dask\[distributed\]'"):
        run(data, None)


def test_a_source_that_changes_in_mid_job_fails_the_job(
    run: Run, cluster: Cluster, data: bytes, tmp_path: Path
) -> None:
    """Given errors that the tasks raise in the cluster"""
    with held(cluster, lambda: (tmp_path / "any.csv").write_bytes(b"")):
        ended = run(data, cluster.address)
    assert (ended.job.status, ended.metrics) == (JobStatus.FAILED, {})
    assert "changed" in str(ended.job.error)


def test_a_source_without_rows_has_an_empty_result(run: Run, shared: Cluster) -> None:
    ended = run(b"id,date,ville,type,modele,prix,duree_mois\n", shared.address)
    assert (ended.job.status, ended.job.batches.total, ended.job.rows.read) == (JobStatus.COMPLETED, 0, 0)


def test_a_record_that_crosses_a_batch_is_planned_again(run: Run, shared: Cluster) -> None:
    lines = "".join(f'{number},2024-01-31,Lyon,vente,Clio,5,,"a\nb\nc"\n' for number in range(1_000))
    data = f"id,date,ville,type,modele,prix,duree_mois,remarque\n{lines}".encode()
    assert_is_right(run(data, shared.address), data)


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
