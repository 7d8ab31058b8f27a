"""Large jobs are reduced by a child process of the aggregator, whatever happens to it; small ones never wait for it.

Any job is large here. The child goes on in small steps, so that it can be stopped in the middle of a job.
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from aggregator.large import LargeJobs
from autoconnect.broker import jobs, keys
from autoconnect.broker.connection import Client
from autoconnect.broker.keys import JobKeys
from autoconnect.errors import BrokerUnavailable
from autoconnect.local.supervisor import launch
from autoconnect.models import JobStatus
from tests.e2e.processes import descendants, environment, lives
from tests.e2e.waiting import wait_until
from tests.integration.stack import HEADER, Stack, expected_metrics
from tests.required import require

#: Milliseconds: a child on a busy machine must renew its lease in time.
QUICK = {"heartbeat_ms": 200, "lease_ms": 1_500, "max_deaths": 2}
#: Models of a large job, with a cell each: reducing them takes a child some 100 ms.
MODELS = 5_000
#: Seconds for which a child goes on in one step.
STEP_S = 0.003


class LargeStack:
    """A stack whose aggregator has a child process, and the child."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.client = stack.client
        self.worker = stack.worker()
        stack.aggregator.start()

    @property
    def child(self) -> int:
        """The id of the child, once it is ready."""
        wait_until("a child", lambda: self._large._reducer, poll_s=0.01)
        return self.process

    @property
    def process(self) -> int:
        """The id of the child."""
        assert self._large._child
        return self._large._child.pid

    @property
    def reducer(self) -> str:
        """The key of the child's lease, which has no name while the child starts."""
        return keys.reducer(self._large._reducer)

    @property
    def _large(self) -> LargeJobs:
        return self.stack.aggregator._large

    def reduced_by_child(self, job_id: str) -> bool:
        return bool(self.client.call("HGET", JobKeys(job_id).job, "reducer") == self.reducer.encode())

    def planned(self, models: int = MODELS, name: str = "large.csv") -> str:
        """The id of a job without any partial."""
        lines = (f"{n},2024-01-0{1 + n % 7},Paris,vente,M {n * n},{n + 1},\n" for n in range(models))
        return self.stack.planned(self.stack.write(HEADER + "".join(lines), name))

    def mapped(self, models: int = MODELS, name: str = "large.csv") -> str:
        """The id of a job that has all its partials, and has not been reduced yet."""
        job_id = self.planned(models, name)
        while self.stack.job(job_id).status is JobStatus.RUNNING:
            self.worker.round()
        return job_id

    def stop_in(self, job_id: str) -> int:
        """Stop the child, which may still start, in the middle of reducing a job; returns its id."""
        child = self.process
        os.kill(child, signal.SIGSTOP)
        self.stack.aggregator.round()
        end = time.monotonic() + 20
        while not self.reduced_by_child(job_id):
            assert time.monotonic() < end
            assert not self.stack.job(job_id).status.ended, "one step is too long"
            os.kill(child, signal.SIGCONT)
            time.sleep(STEP_S)
            os.kill(child, signal.SIGSTOP)
            wait_until("the stop", lambda: state(child) == "T", poll_s=0.001)
        return child

    def rounds_until(self, what: str, check: Callable[[], Any]) -> None:
        """Let the aggregator run until something holds."""

        def round_and_check() -> bool:
            self.stack.aggregator.round()
            return bool(check())

        wait_until(what, round_and_check, timeout_s=120, poll_s=0)

    def ended(self, job_id: str) -> JobStatus:
        self.rounds_until("the end of a job", lambda: self.stack.job(job_id).status.ended)
        return self.stack.job(job_id).status

    def replace(self, child: int) -> None:
        """Kill the child, and let the aggregator run until it starts another one."""
        os.kill(child, signal.SIGKILL)
        self.rounds_until("another child", lambda: self._large._child and self.process != child)

    def deaths(self, job_id: str) -> int:
        return int(self.client.call("HGET", JobKeys(job_id).job, "reducer_deaths") or 0)

    def is_exact(self, job_id: str) -> bool:
        data = (self.stack.settings.data_dir / self.stack.job(job_id).source).read_bytes()
        return self.stack.metrics(job_id) == expected_metrics(data)


def state(pid: int) -> str:
    """The state of a process, as a letter of /proc."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.fixture
def make_large(
    make_stack: Callable[..., Stack], redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., LargeStack]:
    """Make stacks whose children have the same settings."""
    monkeypatch.setattr("aggregator.loop.SMALL_BYTES", 0)

    def make(**settings: Any) -> LargeStack:
        chosen = {**QUICK, "batch_bytes": 1 << 20, **settings}
        for name, value in {**chosen, "redis_url": redis_url}.items():
            monkeypatch.setenv(f"AUTOCONNECT_{name.upper()}", str(value))
        return LargeStack(make_stack(**chosen))

    return make


@pytest.fixture
def always_judges(monkeypatch: pytest.MonkeyPatch) -> None:
    """The aggregator may always judge; when it may is the subject of other tests."""
    monkeypatch.setattr("autoconnect.broker.judge.Judge.may_judge", True)


def test_a_small_job_ends_while_a_large_one_is_reduced_and_both_are_exact(
    make_large: Callable[..., LargeStack], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a child that has stopped in the middle of a large job / When a small job comes, I expect its end"""
    large = make_large(lease_ms=60_000)
    job_id = large.mapped()
    child = large.stop_in(job_id)
    monkeypatch.setattr("aggregator.loop.SMALL_BYTES", 1 << 20)
    small = large.stack.planned(large.stack.generated(name="small.csv"))
    assert large.stack.finish(small, large.worker).status is JobStatus.COMPLETED
    assert large.is_exact(small)
    assert large.stack.job(job_id).status is JobStatus.REDUCING
    os.kill(child, signal.SIGCONT)
    assert large.ended(job_id) is JobStatus.COMPLETED
    assert large.is_exact(job_id)


def test_partials_that_come_while_their_job_is_reduced_are_reduced_at_once(
    make_large: Callable[..., LargeStack],
) -> None:
    """Given a child that reduces what a job has so far / When the job's last partial comes

    I expect it to end without a tick of the aggregator, which comes once an hour here.
    """
    large = make_large(heartbeat_ms=3_600_000, lease_ms=3 * 3_600_000, batch_bytes=50_000)
    job_id = large.planned()
    while large.stack.job(job_id).batches.done < large.stack.job(job_id).batches.total - 1:
        large.worker.round()
    child = large.stop_in(job_id)
    large.worker.round()
    assert large.stack.job(job_id).status is JobStatus.REDUCING
    large.stack.aggregator.round()
    os.kill(child, signal.SIGCONT)
    assert large.ended(job_id) is JobStatus.COMPLETED
    assert large.is_exact(job_id)


@pytest.mark.usefixtures("always_judges")
def test_a_child_that_dies_counts_one_death_for_the_job_that_it_worked_on(
    make_large: Callable[..., LargeStack],
) -> None:
    """Given MAX_DEATHS=2 and a job that waits for the child / When the child dies twice over another job

    I expect that other one to fail, and the one that waited to complete without a death.
    """
    large = make_large(lease_ms=60_000)
    job_id = large.mapped()
    child = large.stop_in(job_id)
    waiting = large.mapped(100, "waiting.csv")
    large.rounds_until("a job that waits", lambda: waiting in large.stack.aggregator._large)
    large.replace(child)
    assert (large.deaths(job_id), large.deaths(waiting)) == (1, 0)
    large.replace(large.stop_in(job_id))
    assert (large.deaths(job_id), large.deaths(waiting)) == (2, 0)
    job = large.stack.job(job_id)
    assert job.status is JobStatus.FAILED
    assert job.error == "Reducing the job failed: the process that did it died 2 times."
    assert large.ended(waiting) is JobStatus.COMPLETED
    assert large.is_exact(waiting)


@pytest.mark.usefixtures("always_judges")
def test_a_child_that_dies_without_a_job_is_replaced_once(make_large: Callable[..., LargeStack]) -> None:
    """Given a child without a job / When it dies, I expect another one, which is not taken for one that hangs"""
    large = make_large()
    child = large.child
    large.replace(child)
    other = large.child
    end = time.monotonic() + 2 * large.stack.settings.heartbeat_ms / 1_000
    large.rounds_until("two ticks", lambda: time.monotonic() > end)
    assert large.child == other
    job_id = large.mapped(100)
    assert large.ended(job_id) is JobStatus.COMPLETED
    assert large.child == other


def test_a_child_that_hangs_is_killed_and_replaced_when_its_lease_has_ended(
    make_large: Callable[..., LargeStack],
) -> None:
    large = make_large()
    job_id = large.mapped()
    child = large.stop_in(job_id)
    large.rounds_until("the end of the child", lambda: not lives(child))
    assert large.ended(job_id) is JobStatus.COMPLETED
    assert large.child != child
    assert large.is_exact(job_id)


def test_a_child_that_hangs_while_it_starts_is_replaced(
    make_large: Callable[..., LargeStack], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("aggregator.large.leashed", lambda _: ["sleep", "60"])
        patch.setattr("autoconnect.broker.judge.Judge.may_judge", True)
        large = make_large()
        child = large.process
        large.stack.aggregator.round()
        assert lives(child)
        patch.setattr("aggregator.large._START_S", 0.0)
        large.stack.aggregator.round()
    wait_until("the end of the child", lambda: not lives(child), poll_s=0.01)
    job_id = large.mapped(100)
    assert large.ended(job_id) is JobStatus.COMPLETED


def test_an_aggregator_that_ends_counts_no_death_and_another_goes_on_at_once(
    make_large: Callable[..., LargeStack], make_stack: Callable[..., Stack], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a child in the middle of a job, with a lease of an hour / When its aggregator ends as SIGTERM ends it"""
    large = make_large(heartbeat_ms=1_200_000, lease_ms=3_600_000)
    job_id = large.mapped()
    child = large.stop_in(job_id)
    large.stack.aggregator.leave()
    assert not lives(child)
    monkeypatch.setattr("autoconnect.broker.judge.Judge.may_judge", True)
    monkeypatch.setattr("aggregator.loop.SMALL_BYTES", 1 << 30)
    other = make_stack()
    other.aggregator.round()
    assert (other.job(job_id).status, large.deaths(job_id)) == (JobStatus.COMPLETED, 0)
    assert large.is_exact(job_id)


def test_a_job_that_is_cancelled_while_it_is_reduced_leaves_nothing(
    make_large: Callable[..., LargeStack], admin: Client
) -> None:
    large = make_large(lease_ms=60_000)
    job_id = large.mapped()
    child = large.stop_in(job_id)
    assert jobs.end_job(large.client, job_id, JobStatus.CANCELLED)
    os.kill(child, signal.SIGCONT)
    large.rounds_until("the end of the work", lambda: job_id not in large.stack.aggregator._large)
    job_keys = JobKeys(job_id)
    assert large.stack.job(job_id).status is JobStatus.CANCELLED
    left = {key.decode() for key in admin.call("KEYS", f"*{job_id}*")}
    assert left <= {job_keys.job, job_keys.batches, job_keys.events}
    assert large.client.call("ZCARD", keys.STAGING) == 0
    assert large.client.call("HEXISTS", job_keys.job, "reducer") == 0
    assert large.child == child


def test_a_child_whose_redis_was_away_goes_on_and_counts_no_death(
    make_large: Callable[..., LargeStack], admin: Client, capfd: pytest.CaptureFixture[str]
) -> None:
    """Given a child in the middle of a job / When Redis refuses its writes until its lease has ended"""
    large = make_large()
    job_id = large.mapped()
    child = large.stop_in(job_id)
    printed = ""

    def is_refused() -> bool:
        nonlocal printed
        printed += capfd.readouterr().err
        with suppress(BrokerUnavailable):
            large.stack.aggregator.round()
        return "redis unavailable" in printed and not large.client.call("EXISTS", large.reducer)

    admin.call("CONFIG", "SET", "min-replicas-to-write", 1)
    try:
        os.kill(child, signal.SIGCONT)
        wait_until("a refusal", is_refused, timeout_s=120, poll_s=0.02)
    finally:
        admin.call("CONFIG", "SET", "min-replicas-to-write", 0)
    assert large.ended(job_id) is JobStatus.COMPLETED
    assert (large.child, large.deaths(job_id)) == (child, 0)
    assert large.is_exact(job_id)


def test_a_job_that_the_child_gave_back_goes_on_if_redis_has_lost_that(make_large: Callable[..., LargeStack]) -> None:
    """Given a child that has nothing to do / When Redis comes back in a state in which it still reduces a job"""
    large = make_large()
    job_id = large.mapped(100)
    child = large.child
    large.client.call("HSET", JobKeys(job_id).job, "reducer", large.reducer)
    assert large.ended(job_id) is JobStatus.COMPLETED
    assert (large.child, large.deaths(job_id)) == (child, 0)
    assert large.is_exact(job_id)


def test_the_child_is_killed_first_when_memory_is_short_and_never_outlives_its_aggregator(
    client: Client, admin: Client, redis_url: str, tmp_path: Path
) -> None:
    if sys.platform != "linux":
        require("linux", "this system has no leash for processes")
    settings = {"AUTOCONNECT_REDIS_URL": redis_url, "AUTOCONNECT_DATA_DIR": str(tmp_path)}
    process = launch([sys.executable, "-m", "aggregator.main"], environment(settings), tmp_path / "log")
    try:
        child = wait_until(
            "a child with a lease",
            lambda: admin.call("KEYS", keys.reducer("*")) and child_of(process.pid),
            poll_s=0.02,
        )
        assert Path(f"/proc/{child}/oom_score_adj").read_text() == "1000\n"
    finally:
        process.kill()
        process.wait()
    wait_until("the end of the child", lambda: not lives(child), poll_s=0.01)


def child_of(pid: int) -> int | None:
    """The child of a process, once it has replaced the program that starts it."""
    return next((child for child, line in descendants(pid).items() if line.endswith("aggregator.child")), None)
