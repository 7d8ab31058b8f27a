"""Backups of the slowest batches at the end of a job: another worker does the same, and whoever is first counts."""

import time

import pytest

from autoconnect.broker import batches, jobs, results, workers
from autoconnect.broker.batches import Claim
from autoconnect.broker.connection import Client
from autoconnect.broker.keys import BatchId
from autoconnect.models import Batch, BatchState, JobStatus
from tests.integration.stack import Stack, expected_metrics, map_claim
from worker.loop import Worker


@pytest.fixture
def slow(stack: Stack) -> Worker:
    """A worker that has claimed the last batch of a job and is in no hurry."""
    return stack.worker()


def last_claim(stack: Stack, worker: Worker) -> Claim:
    """All other batches of a job are done, and the worker has this one."""
    source = stack.generated(rows=100)
    job_id = stack.planned(source)
    claim = stack.claimed(worker)
    other = stack.worker()
    while stack.job(job_id).batches.done < stack.job(job_id).batches.total - 1:
        other.round()
    return claim


def back_up(stack: Stack, claim: Claim) -> list[BatchId]:
    """Hands out what has been claimed for longer than a moment."""
    time.sleep(0.005)
    return batches.back_up_batches(stack.client, claim.id.job, 1, 0)


def state(stack: Stack, claim: Claim) -> Batch:
    (batch,) = jobs.read_batches(stack.client, claim.id.job, [claim.id.batch])
    return batch


def assert_right(stack: Stack, job_id: str, *busy: Worker) -> None:
    job = stack.finish(job_id, *busy)
    assert job.status is JobStatus.COMPLETED
    assert job.batches.done == job.batches.total
    assert stack.metrics(job_id) == expected_metrics((stack.settings.data_dir / job.source).read_bytes())


def test_the_backup_that_is_first_counts_and_the_slow_worker_is_discarded(stack: Stack, slow: Worker) -> None:
    claim = last_claim(stack, slow)
    assert back_up(stack, claim) == [claim.id]
    quick = stack.worker()
    quick.round()
    assert state(stack, claim).state is BatchState.DONE
    assert not results.commit_batches(stack.client, slow.id, [claim.id], map_claim(claim, stack.settings))
    assert_right(stack, claim.id.job)


def test_the_slow_worker_that_is_first_counts_and_its_backup_is_discarded(stack: Stack, slow: Worker) -> None:
    claim = last_claim(stack, slow)
    back_up(stack, claim)
    quick = stack.worker()
    item = stack.handed(quick)
    assert item == claim.id
    copy = batches.claim_batch(stack.client, quick.id, item)
    assert copy
    assert copy.alone
    assert (state(stack, claim).worker, state(stack, claim).backup) == (slow.id, quick.id)
    partial = map_claim(claim, stack.settings)
    assert results.commit_batches(stack.client, slow.id, [claim.id], partial)
    assert not batches.is_wanted(stack.client, copy.id)
    assert not results.commit_batches(stack.client, quick.id, [copy.id], partial)
    assert_right(stack, claim.id.job)


def test_a_batch_is_backed_up_once_and_not_by_a_third(stack: Stack, slow: Worker, client: Client) -> None:
    claim = last_claim(stack, slow)
    assert back_up(stack, claim) == [claim.id]
    assert back_up(stack, claim) == []
    quick, third = stack.worker(), stack.worker()
    assert stack.handed(quick) == claim.id
    assert batches.claim_batch(client, quick.id, claim.id)
    client.call("RPUSH", f"autoconnect:worker:{third.id}:claimed", str(claim.id))
    assert batches.claim_batch(client, third.id, claim.id) is None
    assert back_up(stack, claim) == []
    jobs.end_job(client, claim.id.job, JobStatus.CANCELLED)


def test_nothing_is_backed_up_while_there_is_other_work_or_nobody_is_idle(stack: Stack, client: Client) -> None:
    worker = stack.worker()
    job_id = stack.planned(stack.generated(rows=100))
    claim = stack.claimed(worker)
    assert results.commit_batches(client, worker.id, [claim.id], map_claim(claim, stack.settings))
    assert back_up(stack, claim) == [], "batches are waiting"
    while rest := batches.wait_for_batch(stack.blocking(), worker.id, 10):
        batches.claim_batch(client, worker.id, rest)
    assert back_up(stack, claim) == [], "nobody is idle"
    stack.worker()
    assert len(back_up(stack, claim)) == 1, "of two, as one worker is idle"
    jobs.end_job(client, job_id, JobStatus.CANCELLED)


def test_when_the_slow_worker_dies_its_backup_takes_over(stack: Stack, slow: Worker, client: Client) -> None:
    claim = last_claim(stack, slow)
    back_up(stack, claim)
    quick = stack.worker()
    stack.handed(quick)
    copy = batches.claim_batch(client, quick.id, claim.id)
    assert copy
    slow.heartbeat.stop()
    client.call("DEL", f"autoconnect:worker:{slow.id}")
    assert workers.reap(client, stack.settings.max_deaths) == [(slow.id, claim.id)]
    batch = state(stack, claim)
    assert (batch.state, batch.worker, batch.backup, batch.deaths) == (BatchState.CLAIMED, quick.id, None, 1)
    assert results.commit_batches(client, quick.id, [copy.id], map_claim(copy, stack.settings))
    assert_right(stack, claim.id.job)


@pytest.mark.parametrize("claimed", [True, False])
def test_when_the_backup_dies_the_slow_worker_still_has_the_batch(
    stack: Stack, slow: Worker, client: Client, claimed: bool
) -> None:
    claim = last_claim(stack, slow)
    back_up(stack, claim)
    quick = stack.worker()
    assert stack.handed(quick) == claim.id
    if claimed:
        batches.claim_batch(client, quick.id, claim.id)
    quick.heartbeat.stop()
    client.call("DEL", f"autoconnect:worker:{quick.id}")
    workers.reap(client, stack.settings.max_deaths)
    batch = state(stack, claim)
    assert (batch.state, batch.worker, batch.backup) == (BatchState.CLAIMED, slow.id, None)
    assert batch.deaths == int(claimed)
    assert back_up(stack, claim) == [claim.id], "another one may be made"
    assert results.commit_batches(client, slow.id, [claim.id], map_claim(claim, stack.settings))
    assert_right(stack, claim.id.job)


def test_a_backup_that_nobody_has_taken_goes_with_the_slow_workers_death(
    stack: Stack, slow: Worker, client: Client
) -> None:
    claim = last_claim(stack, slow)
    back_up(stack, claim)
    slow.heartbeat.stop()
    client.call("DEL", f"autoconnect:worker:{slow.id}")
    workers.reap(client, stack.settings.max_deaths)
    assert client.call("LRANGE", "autoconnect:ready", 0, -1) == [str(claim.id).encode()]
    assert_right(stack, claim.id.job, stack.worker())


def places(stack: Stack, claim: Claim) -> int:
    """In how many lists the batch's item is."""
    names = [name for name in stack.client.call("KEYS", "*") if name.endswith((b":claimed", b":ready", b":waiting"))]
    return sum(stack.client.call("LRANGE", name, 0, -1).count(str(claim.id).encode()) for name in names)


def test_a_backup_that_was_handed_out_and_not_yet_claimed_is_the_batch_after_the_slow_workers_death(
    stack: Stack, slow: Worker, client: Client
) -> None:
    claim = last_claim(stack, slow)
    back_up(stack, claim)
    quick = stack.worker()
    assert stack.handed(quick) == claim.id
    slow.heartbeat.stop()
    client.call("DEL", f"autoconnect:worker:{slow.id}")
    workers.reap(client, stack.settings.max_deaths)
    assert places(stack, claim) == 1
    assert state(stack, claim).state is BatchState.WAITING
    assert_right(stack, claim.id.job, quick)


def test_a_worker_that_dies_with_its_own_batch_and_the_backup_of_it_loses_nothing(
    stack: Stack, slow: Worker, client: Client
) -> None:
    claim = last_claim(stack, slow)
    back_up(stack, claim)
    assert stack.handed(slow) == claim.id
    slow.heartbeat.stop()
    client.call("DEL", f"autoconnect:worker:{slow.id}")
    workers.reap(client, stack.settings.max_deaths)
    assert places(stack, claim) == 1
    assert_right(stack, claim.id.job, stack.worker())


def test_a_slow_worker_that_is_handed_its_own_backup_does_it_once(stack: Stack, slow: Worker) -> None:
    claim = last_claim(stack, slow)
    back_up(stack, claim)
    assert stack.handed(slow) == claim.id
    assert batches.claim_batch(stack.client, slow.id, claim.id)
    assert places(stack, claim) == 1
    assert state(stack, claim).backup is None
    assert batches.claim_batch(stack.client, slow.id, claim.id)
    assert places(stack, claim) == 1
    slow.round()
    assert batches.claimed_items(stack.client, slow.id) == []
    assert_right(stack, claim.id.job, slow)


def test_the_orchestrator_backs_up_what_takes_unusually_long(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.loop._BACK_UP_MS", 100)
    slow = stack.worker()
    claim = last_claim(stack, slow)
    quick = stack.worker()
    deadline = time.monotonic() + 10
    while not stack.client.call("LLEN", "autoconnect:ready"):
        stack.orchestrator.round()
        assert time.monotonic() < deadline
    quick.round()
    assert_right(stack, claim.id.job)
