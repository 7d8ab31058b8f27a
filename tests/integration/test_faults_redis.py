"""A full Redis holds work up and loses nothing; one that cannot be used is an error of one sentence."""

import threading
import time
from typing import Any

import pytest

from autoconnect.broker import batches, jobs, keys, partials, server, workers
from autoconnect.broker.connection import BlockingClient, Client, connect
from autoconnect.errors import BrokerFull, BrokerUnavailable, SettingsError
from autoconnect.models import JobStatus
from tests.integration.faults import run_ticks
from tests.integration.stack import Stack, expected_metrics, map_claim
from worker.group import GroupPolicy


def test_a_full_redis_refuses_commits_and_loses_nothing(stack: Stack, client: Client, admin: Client) -> None:
    worker = stack.worker()
    source = stack.generated()
    job_id = stack.planned(source)
    claim = stack.claimed(worker)
    item = claim.id
    partial = map_claim(claim, stack.settings)
    try:
        admin.call("CONFIG", "SET", "maxmemory", 1)
        assert not server.read_memory(client).may_claim
        with pytest.raises(BrokerFull, match="out of memory"):
            partials.commit_batches(client, worker.id, [item], partial)
        assert workers.renew_lease(client, worker.id, 1_000)
        assert stack.job(job_id).batches.done == 0
    finally:
        admin.call("CONFIG", "SET", "maxmemory", 0)
    assert partials.commit_batches(client, worker.id, [item], partial)
    stack.finish(job_id, worker)
    assert stack.metrics(job_id) == expected_metrics((stack.settings.data_dir / source).read_bytes())


def test_when_redis_is_full_workers_still_register_and_dead_ones_are_reaped(
    stack: Stack, client: Client, admin: Client
) -> None:
    victim, job_id = stack.worker(), stack.planned(stack.generated())
    assert stack.handed_out(victim)
    run_ticks(stack)
    victim.heartbeat.stop()
    client.call("DEL", keys.heartbeat(victim.id))
    try:
        admin.call("CONFIG", "SET", "maxmemory", 1)
        other = stack.worker()
        run_ticks(stack)
        assert batches.claimed_items(client, victim.id) == []
        assert [worker.id for worker in workers.live_workers(client)] == [other.id]
    finally:
        admin.call("CONFIG", "SET", "maxmemory", 0)
    assert stack.finish(job_id, other).status is JobStatus.COMPLETED


def test_when_redis_fills_in_the_middle_of_a_group_the_mapped_batches_are_kept(
    stack: Stack, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a worker that adds to a group / When Redis is full, I expect it to commit the group once there is room"""
    stack.policy = GroupPolicy(seconds=60)
    monkeypatch.setattr("worker.loop._FULL_PAUSE_S", 0.01)
    monkeypatch.setattr("worker.loop._CHECK_S", 60)
    worker, job_id = stack.worker(), stack.planned(stack.generated())
    claim_next_batch = batches.claim_next_batch

    def claim_from_a_full_redis(*arguments: Any) -> Any:
        admin.call("CONFIG", "SET", "maxmemory", 1)
        threading.Timer(0.1, admin.call, ("CONFIG", "SET", "maxmemory", 0)).start()
        return claim_next_batch(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr("worker.loop.batches.claim_next_batch", claim_from_a_full_redis)
        worker.round()
    assert stack.job(job_id).batches.done == 1
    assert stack.finish(job_id, worker).status is JobStatus.COMPLETED


def test_a_job_can_be_cancelled_when_redis_is_full(stack: Stack, client: Client, admin: Client) -> None:
    stack.worker()
    job_id = stack.planned(stack.generated())
    try:
        admin.call("CONFIG", "SET", "maxmemory", 1)
        assert jobs.end_job(client, job_id, JobStatus.CANCELLED)
    finally:
        admin.call("CONFIG", "SET", "maxmemory", 0)
    assert stack.job(job_id).status is JobStatus.CANCELLED


def test_a_redis_that_cannot_be_reached_is_an_error_of_one_sentence() -> None:
    with pytest.raises(BrokerUnavailable, match="Redis does not answer"):
        BlockingClient("redis://127.0.0.1:1/0", 100).ping()


@pytest.mark.parametrize("options", ["?db=x", "?foo=1", "?socket_timeout=abc"])
def test_the_error_about_unusable_options_of_a_url_has_no_password(options: str) -> None:
    with pytest.raises(SettingsError, match="AUTOCONNECT_REDIS_URL") as caught:
        connect(f"redis://:hush@127.0.0.1:6379{options}")
    assert "hush" not in str(caught.value)


def test_a_plan_that_redis_has_no_room_for_does_not_keep_dead_workers_from_being_reaped(
    stack: Stack, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a plan that cannot be released because Redis is full / When a worker dies, I expect its batch back"""
    victim, job_id = stack.worker(), stack.planned(stack.generated())
    item = stack.claimed(victim).id
    other = stack.submit(stack.generated(seed=2, name="other.csv"))

    def refuse(*_: Any) -> bool:
        raise BrokerFull("Redis is out of memory and refuses to write.")

    with monkeypatch.context() as patch:
        patch.setattr("orchestrator.loop.plans.release_plan", refuse)
        with pytest.raises(BrokerFull):
            stack.orchestrator.round()
        victim.heartbeat.stop()
        client.call("DEL", keys.heartbeat(victim.id))
        deadline = time.monotonic() + 10
        while item in batches.claimed_items(client, victim.id) and time.monotonic() < deadline:
            with pytest.raises(BrokerFull):
                stack.orchestrator.round()
    assert batches.claimed_items(client, victim.id) == []
    stack.orchestrator.round()
    for name in (job_id, other):
        assert stack.finish(name, stack.worker()).status is JobStatus.COMPLETED
