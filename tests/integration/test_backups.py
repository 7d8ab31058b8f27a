"""Backups of the slowest batches at the end of a job: a second worker maps the same batch; the first commit counts."""

import time

import pytest

from autoconnect.broker import batches, jobs, keys, partials, workers
from autoconnect.broker.batches import Claim
from autoconnect.broker.connection import Client
from autoconnect.broker.keys import BatchId
from autoconnect.models import Batch, BatchState, JobStatus
from tests.integration.stack import Stack, expected_metrics, map_claim
from worker.loop import Worker


@pytest.fixture
def slow(stack: Stack) -> Worker:
    """The worker that keeps the last batch of a job for a long time."""
    return stack.worker()


def last_claim(stack: Stack, worker: Worker) -> Claim:
    """The worker's claim of one batch of a job whose other batches are all done."""
    source = stack.generated(rows=100)
    job_id = stack.planned(source)
    claim = stack.claimed(worker)
    other = stack.worker()
    while stack.job(job_id).batches.done < stack.job(job_id).batches.total - 1:
        other.round()
    return claim


def back_up(stack: Stack, claim: Claim) -> list[BatchId]:
    """Back up a batch that was claimed more than a moment ago; returns its item."""
    time.sleep(0.005)
    return batches.back_up_batches(stack.client, claim.id.job, 1, 0)


def state(stack: Stack, claim: Claim) -> Batch:
    (batch,) = batches.read_batches(stack.client, claim.id.job, [claim.id.batch])
    return batch


def assert_result_is_exact(stack: Stack, job_id: str, *busy: Worker) -> None:
    job = stack.finish(job_id, *busy)
    assert job.status is JobStatus.COMPLETED
    assert job.batches.done == job.batches.total
    assert stack.metrics(job_id) == expected_metrics((stack.settings.data_dir / job.source).read_bytes())


def test_a_backup_that_commits_first_counts_and_the_slow_workers_commit_is_discarded(
    stack: Stack, slow: Worker
) -> None:
    claim = last_claim(stack, slow)
    assert back_up(stack, claim) == [claim.id]
    quick = stack.worker()
    quick.round()
    assert state(stack, claim).state is BatchState.DONE
    assert not partials.commit_batches(stack.client, slow.id, [claim.id], map_claim(claim, stack.settings))
    assert_result_is_exact(stack, claim.id.job)


def test_a_slow_worker_that_commits_first_counts_and_its_backups_commit_is_discarded(
    stack: Stack, slow: Worker
) -> None:
    claim = last_claim(stack, slow)
    back_up(stack, claim)
    quick = stack.worker()
    item = stack.handed_out(quick)
    assert item == claim.id
    backup = batches.claim_batch(stack.client, quick.id, item)
    assert backup
    assert backup.alone
    assert (state(stack, claim).worker, state(stack, claim).backup) == (slow.id, quick.id)
    partial = map_claim(claim, stack.settings)
    assert partials.commit_batches(stack.client, slow.id, [claim.id], partial)
    assert not batches.is_needed(stack.client, backup.id)
    assert not partials.commit_batches(stack.client, quick.id, [backup.id], partial)
    assert_result_is_exact(stack, claim.id.job)


def test_a_batch_is_backed_up_once_and_a_third_worker_cannot_claim_it(
    stack: Stack, slow: Worker, client: Client
) -> None:
    claim = last_claim(stack, slow)
    assert back_up(stack, claim) == [claim.id]
    assert back_up(stack, claim) == []
    quick, third = stack.worker(), stack.worker()
    assert stack.handed_out(quick) == claim.id
    assert batches.claim_batch(client, quick.id, claim.id)
    client.call("RPUSH", keys.claimed(third.id), str(claim.id))
    assert batches.claim_batch(client, third.id, claim.id) is None
    assert back_up(stack, claim) == []
    jobs.end_job(client, claim.id.job, JobStatus.CANCELLED)


def test_nothing_is_backed_up_while_batches_wait_or_no_worker_is_idle(stack: Stack, client: Client) -> None:
    worker = stack.worker()
    job_id = stack.planned(stack.generated(rows=100))
    claim = stack.claimed(worker)
    assert partials.commit_batches(client, worker.id, [claim.id], map_claim(claim, stack.settings))
    assert back_up(stack, claim) == [], "batches are waiting"
    while rest := batches.wait_for_batch(stack.blocking(), worker.id, 10):
        batches.claim_batch(client, worker.id, rest)
    assert back_up(stack, claim) == [], "no worker is idle"
    stack.worker()
    assert len(back_up(stack, claim)) == 1, "one of two, because one worker is idle"
    jobs.end_job(client, job_id, JobStatus.CANCELLED)


def test_when_the_slow_worker_dies_its_backup_takes_over(stack: Stack, slow: Worker, client: Client) -> None:
    claim = last_claim(stack, slow)
    back_up(stack, claim)
    quick = stack.worker()
    stack.handed_out(quick)
    backup = batches.claim_batch(client, quick.id, claim.id)
    assert backup
    slow.heartbeat.stop()
    client.call("DEL", keys.heartbeat(slow.id))
    assert workers.reap(client, stack.settings.max_deaths) == [(slow.id, claim.id)]
    batch = state(stack, claim)
    assert (batch.state, batch.worker, batch.backup, batch.deaths) == (BatchState.CLAIMED, quick.id, None, 1)
    assert partials.commit_batches(client, quick.id, [backup.id], map_claim(backup, stack.settings))
    assert_result_is_exact(stack, claim.id.job)


@pytest.mark.parametrize("claimed", [True, False])
def test_when_the_backup_dies_the_slow_worker_still_has_the_batch(
    stack: Stack, slow: Worker, client: Client, claimed: bool
) -> None:
    claim = last_claim(stack, slow)
    back_up(stack, claim)
    quick = stack.worker()
    assert stack.handed_out(quick) == claim.id
    if claimed:
        batches.claim_batch(client, quick.id, claim.id)
    quick.heartbeat.stop()
    client.call("DEL", keys.heartbeat(quick.id))
    workers.reap(client, stack.settings.max_deaths)
    batch = state(stack, claim)
    assert (batch.state, batch.worker, batch.backup) == (BatchState.CLAIMED, slow.id, None)
    assert batch.deaths == int(claimed)
    assert back_up(stack, claim) == [claim.id], "another backup may be made"
    assert partials.commit_batches(client, slow.id, [claim.id], map_claim(claim, stack.settings))
    assert_result_is_exact(stack, claim.id.job)


def test_a_backup_in_the_ready_list_becomes_the_batch_when_the_slow_worker_dies(
    stack: Stack, slow: Worker, client: Client
) -> None:
    claim = last_claim(stack, slow)
    back_up(stack, claim)
    slow.heartbeat.stop()
    client.call("DEL", keys.heartbeat(slow.id))
    workers.reap(client, stack.settings.max_deaths)
    assert client.call("LRANGE", keys.READY, 0, -1) == [str(claim.id).encode()]
    assert_result_is_exact(stack, claim.id.job, stack.worker())


def count_items(admin: Client, claim: Claim) -> int:
    """How often the batch's item is in the claimed, ready and waiting lists."""
    names = [name for name in admin.call("KEYS", "*") if name.endswith((b":claimed", b":ready", b":waiting"))]
    return sum(admin.call("LRANGE", name, 0, -1).count(str(claim.id).encode()) for name in names)


def test_a_backup_handed_out_and_not_yet_claimed_becomes_the_batch_when_the_slow_worker_dies(
    stack: Stack, slow: Worker, client: Client, admin: Client
) -> None:
    claim = last_claim(stack, slow)
    back_up(stack, claim)
    quick = stack.worker()
    assert stack.handed_out(quick) == claim.id
    slow.heartbeat.stop()
    client.call("DEL", keys.heartbeat(slow.id))
    workers.reap(client, stack.settings.max_deaths)
    assert count_items(admin, claim) == 1
    assert state(stack, claim).state is BatchState.WAITING
    assert_result_is_exact(stack, claim.id.job, quick)


def test_a_worker_that_dies_with_a_batch_and_its_backup_loses_nothing(
    stack: Stack, slow: Worker, client: Client, admin: Client
) -> None:
    claim = last_claim(stack, slow)
    back_up(stack, claim)
    assert stack.handed_out(slow) == claim.id
    slow.heartbeat.stop()
    client.call("DEL", keys.heartbeat(slow.id))
    workers.reap(client, stack.settings.max_deaths)
    assert count_items(admin, claim) == 1
    assert_result_is_exact(stack, claim.id.job, stack.worker())


def test_a_slow_worker_that_is_handed_the_backup_of_its_own_batch_maps_it_once(
    stack: Stack, slow: Worker, admin: Client
) -> None:
    claim = last_claim(stack, slow)
    back_up(stack, claim)
    assert stack.handed_out(slow) == claim.id
    assert batches.claim_batch(stack.client, slow.id, claim.id)
    assert count_items(admin, claim) == 1
    assert state(stack, claim).backup is None
    assert batches.claim_batch(stack.client, slow.id, claim.id)
    assert count_items(admin, claim) == 1
    slow.round()
    assert batches.claimed_items(stack.client, slow.id) == []
    assert_result_is_exact(stack, claim.id.job, slow)


def test_the_orchestrator_backs_up_a_batch_that_takes_unusually_long(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.loop._BACK_UP_MS", 100)
    slow = stack.worker()
    claim = last_claim(stack, slow)
    quick = stack.worker()
    deadline = time.monotonic() + 10
    while not stack.client.call("LLEN", keys.READY):
        stack.orchestrator.round()
        assert time.monotonic() < deadline
    quick.round()
    assert_result_is_exact(stack, claim.id.job)
