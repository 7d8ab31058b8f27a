"""Workers die, stop or are presumed dead: their batches go to other workers, and each batch counts once."""

import time
from collections.abc import Callable

import pytest

from autoconnect.broker import batches, keys, partials, workers
from autoconnect.broker.connection import Client
from autoconnect.errors import BrokerUnavailable
from autoconnect.models import BatchState, JobStatus
from tests.integration.faults import crash_while_mapping, reap, run_ticks
from tests.integration.stack import Stack, expected_metrics, map_claim


def test_a_batch_of_a_dead_worker_goes_to_another_and_the_result_is_right(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = stack.generated()
    victim, job_id = stack.worker(), stack.planned(source)
    crash_while_mapping(victim, monkeypatch)
    stack.client.call("DEL", keys.heartbeat(victim.id))
    ((worker, batch),) = reap(stack)
    assert (worker, batch.job) == (victim.id, job_id)
    (state,) = batches.read_batches(stack.client, job_id, [batch.batch])
    assert (state.state, state.deaths, state.attempts) == (BatchState.WAITING, 1, 0)
    job = stack.finish(job_id, stack.worker())
    assert (job.status, job.batches.retried) == (JobStatus.COMPLETED, 1)
    assert stack.metrics(job_id) == expected_metrics((stack.settings.data_dir / source).read_bytes())


def test_an_item_reclaimed_before_its_claim_can_no_longer_be_claimed(stack: Stack, client: Client) -> None:
    """Given a worker that pauses for longer than its lease after an item is handed out to it

    When it continues, I expect the batch to belong to the worker that now has the item.
    """
    paused, other = stack.worker(), stack.worker()
    job_id = stack.planned(stack.generated(rows=10))
    item = stack.handed_out(paused)
    client.call("DEL", keys.heartbeat(paused.id))
    assert reap(stack) == [(paused.id, item)]
    assert stack.handed_out(other) == item
    assert batches.claim_batch(client, paused.id, item) is None
    assert batches.claim_batch(client, other.id, item)
    assert stack.finish(job_id, other).status is JobStatus.COMPLETED


def test_a_worker_that_redis_has_forgotten_is_registered_again_by_a_hand_out(stack: Stack, client: Client) -> None:
    """Given a Redis that came back without a worker / When the worker gets batches and dies before its next heartbeat

    I expect the batches to be reclaimed all the same.
    """
    victim, job_id = stack.worker(), stack.planned(stack.generated())
    victim.heartbeat.stop()

    def forget() -> None:
        client.call("ZREM", keys.WORKERS, keys.heartbeat(victim.id))
        client.call("DEL", keys.heartbeat(victim.id))

    forget()
    item = stack.handed_out(victim)
    assert reap(stack) == [(victim.id, item)]
    item = stack.handed_out(victim)
    forget()
    claim = batches.claim_batch(client, victim.id, item)
    assert claim
    assert reap(stack) == [(victim.id, item)]
    forget()
    counted, handed = partials.commit_and_claim_next(client, victim.id, [item], map_claim(claim, stack.settings))
    assert counted
    assert handed
    assert [worker for worker, _ in reap(stack)] == [victim.id]
    assert stack.finish(job_id, stack.worker()).status is JobStatus.COMPLETED


def test_a_worker_with_a_heartbeat_is_not_reaped(stack: Stack) -> None:
    worker = stack.worker()
    stack.planned(stack.generated())
    item = stack.handed_out(worker)
    assert reap(stack) == []
    assert batches.claimed_items(stack.client, worker.id) == [item]


def test_a_batch_that_kills_its_workers_is_dead_after_max_deaths_and_fails_its_job(
    make_stack: Callable[..., Stack], monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = make_stack(max_deaths=2, batch_bytes=1 << 20)
    job_id = stack.planned(stack.generated())
    for _ in range(2):
        victim = stack.worker()
        crash_while_mapping(victim, monkeypatch)
        stack.client.call("DEL", keys.heartbeat(victim.id))
        reap(stack)
    job = stack.job(job_id)
    assert (job.status, job.batches.dead) == (JobStatus.FAILED, 1)
    assert job.error == "Batch 0 is dead after 2 deaths: its worker died."
    (batch,) = batches.read_batches(stack.client, job_id, [0])
    assert (batch.state, batch.error) == (BatchState.DEAD, "its worker died.")


def test_a_worker_that_lost_its_batch_cannot_fail_the_job(stack: Stack, client: Client) -> None:
    zombie = stack.worker()
    job_id = stack.planned(stack.generated(rows=10))
    item = stack.handed_out(zombie)
    batches.claim_batch(client, zombie.id, item)
    zombie.heartbeat.stop()
    client.call("DEL", keys.heartbeat(zombie.id))
    reap(stack)
    assert not batches.fail_batch(client, zombie.id, item, "the source changed")
    assert stack.finish(job_id, stack.worker()).status is JobStatus.COMPLETED


def test_a_worker_without_progress_lets_its_lease_end(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(stall_ms=100)
    worker = stack.worker()
    deadline = time.monotonic() + 10
    while workers.live_workers(stack.client):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    deadline = time.monotonic() + 10
    while not workers.live_workers(stack.client):
        worker.round()
        assert time.monotonic() < deadline


def test_a_lease_that_a_clock_set_back_has_lengthened_is_cut_to_one_lease(stack: Stack, client: Client) -> None:
    victim, job_id = stack.worker(), stack.planned(stack.generated(rows=10))
    stack.handed_out(victim)
    victim.heartbeat.stop()
    client.call("PEXPIRE", keys.heartbeat(victim.id), 3_600_000)
    deadline = time.monotonic() + 10
    while batches.claimed_items(client, victim.id):
        stack.orchestrator.round()
        assert time.monotonic() < deadline
    assert stack.finish(job_id, stack.worker()).status is JobStatus.COMPLETED


def test_after_redis_was_away_no_worker_is_reaped_for_one_lease(stack: Stack, client: Client) -> None:
    victim, job_id = stack.worker(), stack.planned(stack.generated(rows=10))
    item = stack.handed_out(victim)
    lease_s = stack.settings.lease_ms / 1_000
    for _ in range(10):  # ticks in time: the orchestrator has reached Redis all along
        stack.orchestrator.round()
    victim.heartbeat.stop()
    client.call("DEL", keys.heartbeat(victim.id))
    time.sleep(lease_s)  # no tick for a whole lease, as if Redis had not answered
    away_until = time.monotonic()
    stack.orchestrator.round()
    assert batches.claimed_items(client, victim.id) == [item]
    while batches.claimed_items(client, victim.id):
        stack.orchestrator.round()
        assert time.monotonic() < away_until + 10 * lease_s
    assert time.monotonic() >= away_until + lease_s
    assert stack.finish(job_id, stack.worker()).status is JobStatus.COMPLETED


def test_after_a_failed_call_no_worker_is_reaped_for_one_lease(stack: Stack, client: Client, admin: Client) -> None:
    """Given leases that ended while Redis refused writes / When it accepts writes again"""
    victim, job_id = stack.worker(), stack.planned(stack.generated(rows=10))
    item = stack.handed_out(victim)
    run_ticks(stack)
    admin.call("CONFIG", "SET", "min-replicas-to-write", 1)
    try:
        victim.heartbeat.stop()
        time.sleep(stack.settings.lease_ms / 1_000)
        with pytest.raises(BrokerUnavailable, match="NOREPLICAS"):
            run_ticks(stack)
    finally:
        admin.call("CONFIG", "SET", "min-replicas-to-write", 0)
    stack.orchestrator.round()
    stack.orchestrator.round()
    assert batches.claimed_items(client, victim.id) == [item]
    while batches.claimed_items(client, victim.id):
        stack.orchestrator.round()
    assert stack.finish(job_id, stack.worker()).status is JobStatus.COMPLETED
