"""Quoted line breaks across the edge of two batches: the job is replanned, and its result is the same."""

import json
from collections.abc import Callable
from itertools import repeat
from typing import Any

import pytest

from autoconnect.broker import batches, jobs, keys, partials, plans, results, workers
from autoconnect.broker.batches import Claim
from autoconnect.broker.connection import Client
from autoconnect.broker.keys import BatchId, JobKeys
from autoconnect.core.partial import Partial
from autoconnect.models import BatchState, JobStatus
from autoconnect.planning import BatchSize, plan, plan_in_steps
from autoconnect.sources.local import Folders
from tests.integration.stack import HEADER as USED
from tests.integration.stack import Stack, expected_metrics, folders_of, map_claim
from worker.loop import Worker

HEADER = USED.replace("\n", ",remark\n")
PLAIN = "TX1,2024-01-31,Paris,vente,Audi A4,100.50,,\n"
BAD = "TX2,2024-02-30,Paris,vente,Audi A4,100.50,,\n"
BROKEN = 'TX3,2024-02-29,Saint Denis,location,"Audi ""A4""",100.50,12,"two\nlines, ""and""\n\n a third"\n'
#: Batches of this many bytes end after each line of PLAIN, and within the records that are BROKEN.
BATCH_BYTES = len(PLAIN)
TEXT = HEADER + PLAIN * 20 + BAD + BROKEN * 20 + PLAIN * 20


def claim_nth(stack: Stack, job_id: str, worker: Worker, batch: int) -> Claim:
    """Let the worker claim one batch of the job's plan, whichever list its item is in."""
    generation = int(stack.client.call("HGET", JobKeys(job_id).job, "generation"))
    item = BatchId(job_id, generation, batch)
    for name in (keys.READY, JobKeys(job_id).waiting):
        stack.client.call("LREM", name, 0, str(item))
    stack.client.call("RPUSH", keys.claimed(worker.id), str(item))
    claim = batches.claim_batch(stack.client, worker.id, item)
    assert claim
    return claim


def key_suffixes(admin: Client, job_id: str) -> set[str]:
    """The suffixes of the job's keys that exist, except those of staged plans."""
    prefix = JobKeys(job_id).job
    suffixes = {name.decode().removeprefix(prefix) for name in admin.call("KEYS", f"{prefix}*")}
    return {suffix for suffix in suffixes if not suffix.startswith(":plan:")}


@pytest.fixture
def sent_back(make_stack: Callable[..., Stack]) -> tuple[Stack, str]:
    """A job that has just gone back to planning, after some of its batches were done."""
    stack = make_stack(batch_bytes=BATCH_BYTES)
    worker, job_id = stack.worker(), stack.planned(stack.write(TEXT))
    while stack.job(job_id).status is JobStatus.RUNNING:
        worker.round()
    return stack, job_id


@pytest.fixture
def slow_scan(sent_back: tuple[Stack, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on a plan finds one batch in each round of the orchestrator."""
    monkeypatch.setattr("orchestrator.loop._PLAN_S", -1)


@pytest.mark.parametrize("transport", ["range", "inline"])
@pytest.mark.parametrize("batch_bytes", [1, BATCH_BYTES, 70, 333, 2_000])
def test_the_cube_is_the_same_bit_for_bit_wherever_batches_would_cut_a_record(
    make_stack: Callable[..., Stack], transport: str, batch_bytes: int
) -> None:
    uncut = make_stack(batch_bytes=1 << 20)
    expected = uncut.planned(uncut.write(TEXT))
    uncut.finish(expected, uncut.worker())
    stack = make_stack(batch_bytes=batch_bytes, batch_transport=transport)
    job_id = stack.planned("source.csv")
    job = stack.finish(job_id, stack.worker(), stack.worker())
    assert (job.status, job.rows.read, job.rejected_by_reason) == (JobStatus.COMPLETED, 61, {"bad_date": 1})
    assert stack.metrics(job_id) == stack.metrics(expected) == expected_metrics(TEXT.encode())
    cubes = [stack.client.call("HGETALL", JobKeys(name).cube) for name in (job_id, expected)]
    assert cubes[0] == cubes[1]
    rejects = [results.read_rejects(stack.client, name, 0, 10).rows for name in (job_id, expected)]
    assert rejects[0] == rejects[1]
    assert rejects[0][0]["line"] == 22


def test_the_new_plan_has_whole_records_and_covers_the_source(sent_back: tuple[Stack, str]) -> None:
    stack, job_id = sent_back
    stack.finish(job_id, stack.worker())
    job = stack.job(job_id)
    plan = batches.read_batches(stack.client, job_id, range(job.batches.total))
    assert (job.batches.total, job.batches.done) == (61, 61)
    assert {batch.state for batch in plan} == {BatchState.DONE}
    data = TEXT.encode()
    assert [data[batch.offset :][: batch.length].decode() for batch in plan] == [
        *[PLAIN] * 20,
        BAD,
        *[BROKEN] * 20,
        *[PLAIN] * 20,
    ]
    assert job.bytes.total == job.bytes.done == len(data) - len(HEADER)


def test_nothing_of_the_old_plan_stays(sent_back: tuple[Stack, str], admin: Client) -> None:
    stack, job_id = sent_back
    job = stack.job(job_id)
    assert job.status is JobStatus.PLANNING
    assert key_suffixes(admin, job_id) == {"", ":events"}
    assert set(job.batches.model_dump().values()) == set(job.rows.model_dump().values()) == {0}
    assert (job.bytes.done, job.bytes.total, job.progress, job.rejected_by_reason) == (0, 0, 0, {})
    assert batches.read_batches(stack.client, job_id, range(50)) == []
    assert stack.client.call("ZRANGE", keys.TURNS, 0, -1) == []
    assert stack.client.call("LRANGE", keys.ORCHESTRATOR, 0, -1) == [job_id.encode()]
    started_at = job.started_at
    assert stack.finish(job_id, stack.worker()).started_at == started_at


def test_if_two_workers_find_a_cut_record_the_job_goes_back_once(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(batch_bytes=BATCH_BYTES)
    one, two = stack.worker(), stack.worker()
    job_id = stack.planned(stack.write(TEXT))
    first, second = claim_nth(stack, job_id, one, 21), claim_nth(stack, job_id, two, 24)
    assert plans.replan_job(stack.client, one.id, first.id)
    before = stack.client.call("HGETALL", JobKeys(job_id).job)
    assert not plans.replan_job(stack.client, one.id, first.id)  # sent again after a lost reply
    assert not plans.replan_job(stack.client, two.id, second.id)
    assert stack.client.call("HGETALL", JobKeys(job_id).job) == before
    assert batches.claimed_items(stack.client, two.id) == []
    stack.orchestrator.round()
    assert stack.job(job_id).status is JobStatus.RUNNING
    assert not plans.replan_job(stack.client, one.id, first.id)
    assert stack.finish(job_id, two).status is JobStatus.COMPLETED


def test_a_worker_that_lost_its_batch_cannot_send_the_job_back(stack: Stack, client: Client) -> None:
    zombie = stack.worker()
    job_id = stack.planned(stack.generated(rows=10))
    claim = claim_nth(stack, job_id, zombie, 0)
    zombie.heartbeat.stop()
    client.call("DEL", keys.heartbeat(zombie.id))
    workers.reap(client, stack.settings.max_deaths)
    assert not plans.replan_job(client, zombie.id, claim.id)
    assert stack.finish(job_id, stack.worker()).status is JobStatus.COMPLETED


def test_commits_of_the_old_plan_are_discarded_while_the_job_is_replanned_and_after(
    make_stack: Callable[..., Stack],
) -> None:
    stack = make_stack(batch_bytes=BATCH_BYTES)
    witness, early, late = (stack.worker() for _ in range(3))
    job_id = stack.planned(stack.write(TEXT))
    soon, later, broken = (
        claim_nth(stack, job_id, early, 0),
        claim_nth(stack, job_id, late, 1),
        claim_nth(stack, job_id, witness, 21),
    )
    assert plans.replan_job(stack.client, witness.id, broken.id)
    assert not partials.commit_batches(stack.client, early.id, [soon.id], map_claim(soon, stack.settings))
    stack.orchestrator.round()
    assert not partials.commit_batches(stack.client, late.id, [later.id], map_claim(later, stack.settings))
    job = stack.job(job_id)
    assert (job.status, job.batches.done, job.rows.read) == (JobStatus.RUNNING, 0, 0)
    assert stack.client.call("HGET", JobKeys(job_id).job, "discarded") == b"2"
    assert partials.partial_names(stack.client, job_id) == []
    stack.finish(job_id, witness)
    assert stack.metrics(job_id) == expected_metrics(TEXT.encode())


def test_items_of_the_old_plan_that_linger_are_dropped_when_they_are_claimed(sent_back: tuple[Stack, str]) -> None:
    stack, job_id = sent_back
    assert stack.client.call("LLEN", keys.READY) > 0
    worker = stack.worker()
    while stack.client.call("LLEN", keys.READY):
        worker.round()
    assert stack.job(job_id).batches.done == 0
    assert stack.finish(job_id, worker).batches.retried == 0


def test_partials_of_the_old_plan_that_an_aggregator_has_read_are_not_merged(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(batch_bytes=BATCH_BYTES)
    worker, job_id = stack.worker(), stack.planned(stack.write(TEXT))
    for _ in range(4):
        worker.round()
    old = partials.partial_names(stack.client, job_id)
    assert len(old) == 4
    assert plans.replan_job(stack.client, worker.id, claim_nth(stack, job_id, worker, 21).id)
    assert not partials.compact_partials(stack.client, job_id, old, Partial())
    stack.orchestrator.round()
    assert not partials.compact_partials(stack.client, job_id, old, Partial())
    assert partials.partial_names(stack.client, job_id) == []
    stack.finish(job_id, worker)
    assert stack.metrics(job_id) == expected_metrics(TEXT.encode())


def test_a_record_that_lies_across_an_edge_of_the_new_plan_fails_the_job(sent_back: tuple[Stack, str]) -> None:
    stack, job_id = sent_back
    stack.orchestrator.round()
    worker = stack.worker()
    assert plans.replan_job(stack.client, worker.id, claim_nth(stack, job_id, worker, 3).id)
    job = stack.job(job_id)
    assert (job.status, job.batches.dead) == (JobStatus.FAILED, 1)
    assert job.error == (
        "A record lies across the edge of two batches, although the source was cut between records; submit it again, "
        "and report it if this happens again."
    )


def test_a_plan_that_was_begun_before_the_job_went_back_does_not_count(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(batch_bytes=BATCH_BYTES)
    source = stack.write(TEXT)
    job_id = stack.submit(source)
    slow = plans.start_plan(stack.client, job_id)
    assert slow
    between_lines = plan([source], folders_of(stack.settings), BatchSize(1, BATCH_BYTES))
    stack.orchestrator.round()
    worker = stack.worker()
    assert plans.replan_job(stack.client, worker.id, claim_nth(stack, job_id, worker, 21).id)
    assert not plans.release_plan(stack.client, job_id, slow, between_lines, "range", 1_000)
    assert stack.finish(job_id, worker).status is JobStatus.COMPLETED


def test_a_source_that_changes_before_it_is_replanned_fails_the_job(sent_back: tuple[Stack, str]) -> None:
    stack, job_id = sent_back
    stack.write(TEXT + PLAIN)
    job = stack.finish(job_id)
    assert job.status is JobStatus.FAILED
    assert job.error
    assert "changed while it was read" in job.error


@pytest.mark.usefixtures("slow_scan")
def test_an_orchestrator_killed_while_it_scans_is_replaced_by_another(
    sent_back: tuple[Stack, str], make_stack: Callable[..., Stack]
) -> None:
    stack, job_id = sent_back
    for _ in range(5):
        stack.orchestrator.round()
    assert stack.job(job_id).status is JobStatus.PLANNING
    heir = make_stack(batch_bytes=BATCH_BYTES)
    while heir.job(job_id).status is JobStatus.PLANNING:
        heir.orchestrator.round()
    assert heir.finish(job_id, heir.worker()).status is JobStatus.COMPLETED
    assert heir.metrics(job_id) == expected_metrics(TEXT.encode())


@pytest.mark.usefixtures("slow_scan")
def test_if_two_orchestrators_scan_a_source_the_first_plan_counts(
    sent_back: tuple[Stack, str], make_stack: Callable[..., Stack]
) -> None:
    stack, job_id = sent_back
    other = make_stack(batch_bytes=BATCH_BYTES)
    while stack.job(job_id).status is JobStatus.PLANNING:
        stack.orchestrator.round()
        other.orchestrator.round()
    generation = stack.client.call("HGET", JobKeys(job_id).job, "generation")
    for _ in range(3):  # the other one was about to end its scan
        other.orchestrator.round()
    assert stack.client.call("HGET", JobKeys(job_id).job, "generation") == generation
    assert stack.finish(job_id, stack.worker()).status is JobStatus.COMPLETED


@pytest.mark.usefixtures("slow_scan")
def test_a_job_cancelled_while_its_source_is_scanned_stays_cancelled(
    sent_back: tuple[Stack, str], admin: Client
) -> None:
    stack, job_id = sent_back
    for _ in range(5):
        stack.orchestrator.round()
    assert jobs.end_job(stack.client, job_id, JobStatus.CANCELLED)
    for _ in range(3):
        stack.orchestrator.round()
    assert stack.job(job_id).status is JobStatus.CANCELLED
    assert key_suffixes(admin, job_id) == {"", ":events"}


@pytest.mark.usefixtures("slow_scan")
def test_while_a_source_is_scanned_other_jobs_are_planned_and_dead_workers_are_reaped(
    sent_back: tuple[Stack, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def scan_for_ever(names: list[str], folders: Folders, size: BatchSize, between: Any, *rest: Any) -> Any:
        steps = plan_in_steps(names, folders, size, between, *rest)
        return repeat(None) if between == "records" else steps

    monkeypatch.setattr("orchestrator.loop.plan_in_steps", scan_for_ever)
    stack, job_id = sent_back
    victim = stack.worker()
    other = stack.submit(stack.generated(rows=10, name="other.csv"))
    while stack.job(other).status is not JobStatus.RUNNING:
        stack.orchestrator.round()
    claim_nth(stack, other, victim, 0)
    victim.heartbeat.stop()
    stack.client.call("DEL", keys.heartbeat(victim.id))
    while stack.job(other).batches.retried == 0:
        stack.orchestrator.round()
        assert stack.job(job_id).status is JobStatus.PLANNING
    for name in (job_id, other):
        jobs.end_job(stack.client, name, JobStatus.CANCELLED)


def test_a_job_goes_back_to_planning_even_when_redis_is_full(make_stack: Callable[..., Stack], admin: Client) -> None:
    stack = make_stack(batch_bytes=BATCH_BYTES)
    worker, job_id = stack.worker(), stack.planned(stack.write(TEXT))
    claim = claim_nth(stack, job_id, worker, 21)
    try:
        admin.call("CONFIG", "SET", "maxmemory", 1)
        assert plans.replan_job(stack.client, worker.id, claim.id)
    finally:
        admin.call("CONFIG", "SET", "maxmemory", 0)
    assert stack.finish(job_id, worker).status is JobStatus.COMPLETED


def test_an_inline_job_that_has_just_gone_back_has_nothing_to_feed(
    make_stack: Callable[..., Stack], admin: Client
) -> None:
    stack = make_stack(batch_bytes=BATCH_BYTES, batch_transport="inline")
    job_id = stack.planned(stack.write(TEXT))
    feed = plans.next_feed(stack.client, job_id)
    assert feed
    worker = stack.worker()
    while stack.job(job_id).status is JobStatus.RUNNING:
        stack.orchestrator.round()
        worker.round()
    assert key_suffixes(admin, job_id) == {"", ":events"}
    assert plans.next_feed(stack.client, job_id) is None
    assert not plans.feed_batch(stack.client, feed.id, b"lines of the old plan")
    stack.client.call(
        "HSET", JobKeys(job_id).job, "status", "running", "fed", 0, "total", 9
    )  # as it was a moment before
    assert plans.next_feed(stack.client, job_id) is None
    stack.client.call("HSET", JobKeys(job_id).job, "status", "planning")
    stack.finish(job_id, worker)
    assert stack.metrics(job_id) == expected_metrics(TEXT.encode())


@pytest.mark.parametrize("status", ["running", "reducing"])
@pytest.mark.parametrize("transport", ["range", "inline"])
def test_a_job_that_an_older_version_planned_is_planned_again(
    make_stack: Callable[..., Stack], transport: str, status: str
) -> None:
    """Given a job in Redis whose plan names no parts, as those of older versions, with a batch claimed and one done"""
    stack = make_stack(batch_bytes=2_000, batch_transport=transport)
    source = stack.generated()
    job_id, worker = stack.planned(source), stack.worker()
    stack.orchestrator.round()
    worker.round()
    stack.claimed(worker)
    names = JobKeys(job_id)
    stack.client.call("HDEL", names.job, "dialect", "parts", "part:0")
    stack.client.call("HSET", names.job, "status", status)
    for number, batch in enumerate(batches.read_batches(stack.client, job_id, range(100))):
        old_form = {"state": batch.state, "offset": batch.offset, "length": batch.length, "attempts": 0, "deaths": 0}
        stack.client.call("HSET", names.batches, number, json.dumps(old_form | {"worker": worker.id}))
    worker.round()
    stack.aggregator.round()
    while stack.job(job_id).status not in (JobStatus.RUNNING, JobStatus.COMPLETED) or not plans.read_parts(
        stack.client, job_id
    ):
        stack.orchestrator.round()
    assert stack.finish(job_id, stack.worker()).status is JobStatus.COMPLETED
    assert stack.metrics(job_id) == expected_metrics((stack.settings.data_dir / source).read_bytes())
