"""Jobs are made or planned twice, and Redis loses parts of a plan: one complete plan counts."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from autoconnect.broker import batches, jobs, keys, partials, plans
from autoconnect.broker.connection import Client
from autoconnect.broker.keys import BatchId, JobKeys
from autoconnect.core.partial import Partial
from autoconnect.core.plan import Plan
from autoconnect.models import JobStatus
from autoconnect.planning import BatchSize, plan
from tests.integration.stack import Stack, expected_metrics, folders_of


def test_making_a_job_twice_makes_it_once(client: Client) -> None:
    jobs.create_job(client, "a.csv", 600, "same")
    jobs.create_job(client, "b.csv", 600, "same")
    assert [job.source for _, job in jobs.list_jobs(client)] == ["a.csv"]
    assert client.call("LRANGE", keys.ORCHESTRATOR, 0, -1) == [b"same"]
    jobs.end_job(client, "same", JobStatus.CANCELLED)


def test_a_job_found_in_planning_is_planned_again_and_the_old_plan_does_not_count(stack: Stack) -> None:
    source = stack.generated(rows=10)
    job_id = stack.submit(source)
    generation = plans.start_plan(stack.client, job_id)
    assert generation
    stack.orchestrator.round()
    assert stack.job(job_id).status is JobStatus.RUNNING
    empty_plan = Plan(plans.read_parts(stack.client, job_id), [])
    assert empty_plan.parts
    assert not plans.release_plan(stack.client, job_id, generation, empty_plan, "range", 1_000)
    assert stack.finish(job_id, stack.worker()).status is JobStatus.COMPLETED


def test_a_batch_of_an_older_plan_is_dropped_when_it_is_claimed(stack: Stack, client: Client) -> None:
    worker = stack.worker()
    job_id = stack.planned(stack.generated(rows=10))
    old = BatchId(job_id, 0, 0)
    client.call("RPUSH", keys.claimed(worker.id), str(old))
    assert batches.claim_batch(client, worker.id, old) is None
    assert batches.claimed_items(client, worker.id) == []
    assert not partials.commit_batches(client, worker.id, [old], Partial())
    assert stack.finish(job_id, worker).rows.read == 10


def test_an_inline_job_is_not_fed_while_redis_has_lost_its_plan(make_stack: Callable[..., Stack]) -> None:
    """Given an inline job of which the orchestrator has read a batch / When a power cut undoes the plan"""
    stack = make_stack(batch_transport="inline")
    job_id = stack.submit(stack.generated())
    generation = plans.start_plan(stack.client, job_id)
    assert generation
    job_plan = plan([stack.job(job_id).source], folders_of(stack.settings), BatchSize(workers=1, fixed_bytes=2_000))
    assert plans.release_plan(stack.client, job_id, generation, job_plan, "inline", 1_000)
    assert plans.next_feed(stack.client, job_id)
    stack.client.call("HDEL", JobKeys(job_id).job, "parts", "part:0")
    assert plans.next_feed(stack.client, job_id) is None
    jobs.end_job(stack.client, job_id, JobStatus.CANCELLED)


def test_a_generation_is_new_even_if_redis_has_forgotten_the_last_one(stack: Stack, client: Client) -> None:
    job_id = stack.submit("source.csv")
    first = plans.start_plan(client, job_id)
    client.call("HDEL", JobKeys(job_id).job, "last_plan")
    time.sleep(0.002)
    second = plans.start_plan(client, job_id)
    assert first
    assert second
    assert second > first
    jobs.end_job(client, job_id, JobStatus.CANCELLED)


def test_if_a_job_is_planned_twice_the_first_plan_counts(stack: Stack, client: Client) -> None:
    source = stack.generated(rows=10)
    job_id = stack.submit(source)
    slow, quick = plans.start_plan(client, job_id), plans.start_plan(client, job_id)
    whole_plan = plan([source], folders_of(stack.settings), BatchSize(1))
    assert slow
    assert quick
    assert plans.release_plan(client, job_id, slow, whole_plan, "range", 1_000)
    assert not plans.release_plan(client, job_id, quick, whole_plan, "range", 1_000)
    assert stack.finish(job_id, stack.worker()).rows.read == 10


def test_a_plan_of_a_job_that_redis_has_lost_does_not_count_for_another_of_its_id(
    stack: Stack, client: Client, admin: Client
) -> None:
    """Given a plan in the making / When Redis loses its job, and one of the same id is made for another source"""
    old, new = stack.generated(rows=10, name="old.csv"), stack.generated(rows=20, seed=2, name="new.csv")
    jobs.create_job(client, old, 600, "same")
    generation = plans.start_plan(client, "same")
    assert generation
    old_plan = plan([old], folders_of(stack.settings), BatchSize(1))
    admin.call("FLUSHALL")
    time.sleep(0.002)
    jobs.create_job(client, new, 600, "same")
    assert plans.start_plan(client, "same")
    assert not plans.release_plan(client, "same", generation, old_plan, "range", 1_000)
    stack.orchestrator.round()
    stack.finish("same", stack.worker())
    assert stack.metrics("same") == expected_metrics((stack.settings.data_dir / new).read_bytes())


def test_the_plan_of_a_job_counts_even_if_the_clock_was_set_back(stack: Stack, client: Client) -> None:
    """Given a job that was made an hour later than now"""
    job_id = stack.submit(stack.generated(rows=10))
    client.call("HINCRBY", JobKeys(job_id).job, "created_at", 3_600_000)
    stack.orchestrator.round()
    assert stack.finish(job_id, stack.worker()).rows.read == 10


def test_a_plan_that_redis_has_lost_a_part_of_is_made_again(
    make_stack: Callable[..., Stack], client: Client, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = make_stack(batch_bytes=1_000)
    source = stack.generated(rows=100)
    job_id = stack.submit(source)
    run_script = client.run_script

    def lose_staged_batches(*arguments: Any) -> Any:
        answer = run_script(*arguments)
        monkeypatch.setattr(client, "run_script", run_script)
        (staged,) = admin.call("KEYS", "*:plan:*")
        assert client.call("PTTL", staged) > 0, "the script that stages it sets its life time"
        client.call("DEL", staged)
        return answer

    monkeypatch.setattr("autoconnect.broker.plans._CHUNK_BATCHES", 3)
    generation = plans.start_plan(client, job_id)
    assert generation
    monkeypatch.setattr(client, "run_script", lose_staged_batches)
    whole_plan = plan([source], folders_of(stack.settings), BatchSize(1, 1_000))
    assert not plans.release_plan(client, job_id, generation, whole_plan, "range", 1_000)
    assert stack.job(job_id).status is JobStatus.PLANNING
    stack.orchestrator.round()
    stack.finish(job_id, stack.worker())
    assert stack.metrics(job_id) == expected_metrics((stack.settings.data_dir / source).read_bytes())
