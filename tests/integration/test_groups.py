"""Groups of batches, mapped to one partial each: all batches of a group count or none does, whatever happens to one."""

from typing import Any

import pytest

from autoconnect.broker import batches, keys, partials, workers
from autoconnect.broker.batches import Claim
from autoconnect.broker.connection import Client
from autoconnect.broker.keys import BatchId, JobKeys
from autoconnect.core.partial import Partial
from autoconnect.core.plan import MappableBatch
from autoconnect.errors import BrokerUnavailable
from autoconnect.mapping import add_batch, make_mapper
from autoconnect.models import Batch, BatchState, JobStatus
from autoconnect.service import Stop
from tests.e2e.waiting import wait_until
from tests.integration.stack import Stack, expected_metrics, folders_of
from worker.group import GroupPolicy
from worker.loop import Worker


@pytest.fixture
def policy() -> GroupPolicy:
    """Groups of any age."""
    return GroupPolicy(seconds=60)


def batches_of(client: Client, job_id: str) -> list[Batch]:
    return batches.read_batches(client, job_id, range(100))


def claim_several(stack: Stack, worker: Worker, count: int) -> list[Claim]:
    """Batches that the worker has just claimed and not mapped yet."""
    return [stack.claimed(worker) for _ in range(count)]


def map_claims(stack: Stack, claims: list[Claim]) -> Partial:
    """The one partial of several claimed batches."""
    mapper = make_mapper(stack.settings.mapper, claims[0].batch.part.layout)
    for claim in claims:
        add_batch(mapper, claim.batch, folders_of(stack.settings))
    return mapper.partial()


def assert_discarded(stack: Stack, worker: Worker, claims: list[Claim], partial: Partial) -> None:
    """The commit is discarded, and the job's counts stay the same."""
    job_id = claims[0].id.job
    before = stack.job(job_id)
    assert not partials.commit_batches(stack.client, worker.id, [claim.id for claim in claims], partial)
    after = stack.job(job_id)
    assert (after.rows, after.bytes, after.batches) == (before.rows, before.bytes, before.batches)


def assert_result_is_exact(stack: Stack, job_id: str) -> None:
    job = stack.job(job_id)
    assert job.status is JobStatus.COMPLETED, job.error
    assert job.batches.done == job.batches.total
    assert stack.metrics(job_id) == expected_metrics((stack.settings.data_dir / job.source).read_bytes())


@pytest.mark.parametrize("mapper", ["kernel", "plain"])
@pytest.mark.parametrize("transport", ["range", "inline"])
def test_a_worker_maps_all_ready_batches_to_one_partial(make_stack: Any, mapper: str, transport: str) -> None:
    stack: Stack = make_stack(mapper=mapper, batch_transport=transport)
    worker, job_id = stack.worker(), stack.planned(stack.generated())
    worker.round()
    assert len(partials.partial_names(stack.client, job_id)) == 1
    done = [batch for batch in batches_of(stack.client, job_id) if batch.state is BatchState.DONE]
    assert len(done) > 1, "an inline job has at least the batches that were fed"
    assert transport == "inline" or len(done) == stack.job(job_id).batches.total > 5
    stack.finish(job_id, worker)
    assert_result_is_exact(stack, job_id)


def test_enough_rows_per_cell_end_a_group(stack: Stack) -> None:
    stack.policy = GroupPolicy(seconds=60, rows_per_cell=0.1)
    worker, job_id = stack.worker(), stack.planned(stack.generated())
    worker.round()
    (first, second, *_) = batches_of(stack.client, job_id)
    assert (first.state, second.state) == (BatchState.DONE, BatchState.CLAIMED), (
        "claimed by the script that commits the first"
    )


def test_batches_of_another_job_form_a_group_of_their_own(stack: Stack) -> None:
    first, second = stack.planned(stack.generated(name="a.csv")), stack.planned(stack.generated(seed=2, name="b.csv"))
    worker = stack.worker()
    for _ in range(3):
        worker.round()
    assert len(partials.partial_names(stack.client, first)) > 1, "jobs take turns"
    for job_id in (first, second):
        stack.finish(job_id, worker)
        assert_result_is_exact(stack, job_id)


def test_if_another_worker_has_committed_one_batch_none_of_the_group_counts_and_the_others_run_again(
    stack: Stack,
) -> None:
    """Given three claimed batches, and another worker's commit of the second / When all three are committed at once"""
    worker, other = stack.worker(), stack.worker()
    job_id = stack.planned(stack.generated())
    claims = claim_several(stack, worker, 3)
    assert partials.commit_batches(stack.client, other.id, [claims[1].id], map_claims(stack, [claims[1]]))
    assert_discarded(stack, worker, claims, map_claims(stack, claims))
    assert stack.client.call("HGET", JobKeys(job_id).job, "discarded") == b"1"
    assert batches.claimed_items(stack.client, worker.id) == [claims[0].id, claims[2].id]
    stack.finish(job_id, worker)
    assert_result_is_exact(stack, job_id)


def test_a_commit_of_a_group_sent_again_after_a_lost_reply_counts_once(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, job_id = stack.worker(), stack.planned(stack.generated())
    claims = claim_several(stack, worker, 3)
    partial = map_claims(stack, claims)
    monkeypatch.setattr("autoconnect.broker.partials.keys.new_name", lambda: "same")
    assert partials.commit_batches(stack.client, worker.id, [claim.id for claim in claims], partial)
    once = stack.job(job_id)
    assert partials.commit_batches(stack.client, worker.id, [claim.id for claim in claims], partial)
    assert (stack.job(job_id).rows, stack.job(job_id).batches) == (once.rows, once.batches)
    assert stack.client.call("HGET", JobKeys(job_id).job, "discarded") == b"0"
    assert len(partials.partial_names(stack.client, job_id)) == 1
    stack.finish(job_id, worker)
    assert_result_is_exact(stack, job_id)


def test_a_group_whose_worker_dies_is_reclaimed_and_its_batches_are_mapped_singly(stack: Stack) -> None:
    victim, job_id = stack.worker(), stack.planned(stack.generated())
    claims = claim_several(stack, victim, 3)
    victim.heartbeat.stop()
    stack.client.call("DEL", keys.heartbeat(victim.id))
    assert len(workers.reap(stack.client, stack.settings.max_deaths)) == 3
    assert [batch.deaths for batch in batches_of(stack.client, job_id)][:4] == [1, 1, 1, 0]
    heir = stack.worker()
    while stack.job(job_id).status is JobStatus.RUNNING:
        heir.round()
    singles = {f":partial:{claim.id.generation}.{claim.id.batch}." for claim in claims}
    names = partials.partial_names(stack.client, job_id)
    assert {single for single in singles if any(single in name for name in names)} == singles
    stack.finish(job_id, heir)
    assert_result_is_exact(stack, job_id)


def test_an_exception_over_one_batch_costs_it_an_attempt_and_the_others_nothing(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, job_id = stack.worker(), stack.planned(stack.generated())

    failed = False

    def fail_once(mapper: Any, batch: MappableBatch, folders: Any, before_block: Any) -> None:
        nonlocal failed
        if batch.number == 2 and not failed:
            failed = True
            raise ArithmeticError("no luck")
        add_batch(mapper, batch, folders)

    monkeypatch.setattr("worker.loop.add_batch", fail_once)
    worker.round()
    assert [batch.attempts for batch in batches_of(stack.client, job_id)][:4] == [0, 0, 1, 0]
    assert stack.job(job_id).batches.done == 0
    stack.finish(job_id, worker)
    assert_result_is_exact(stack, job_id)


def test_an_aggregator_that_another_one_overtakes_starts_its_sum_again(make_stack: Any) -> None:
    """Given two aggregators that have both summed the same partials / When one replaces them by their sum"""
    one, other = make_stack(), make_stack()
    worker, job_id = one.worker(), one.planned(one.generated())
    claims = claim_several(one, worker, 4)
    for claim in claims[:2]:
        partials.commit_batches(one.client, worker.id, [claim.id], map_claims(one, [claim]))
    for stack in (one, other):
        one.client.call("RPUSH", keys.AGGREGATOR, job_id)
        stack.aggregator.round()
    names = partials.partial_names(one.client, job_id)
    assert len(names) == 2
    assert partials.compact_partials(one.client, job_id, names, partials.read_sum(one.client, job_id))
    for claim in claims[2:]:
        partials.commit_batches(one.client, worker.id, [claim.id], map_claims(one, [claim]))
    one.client.call("RPUSH", keys.AGGREGATOR, job_id)
    other.aggregator.round()
    other.finish(job_id, worker)
    assert_result_is_exact(other, job_id)


def test_a_batch_reclaimed_before_its_claim_and_then_claimed_twice_counts_once(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a worker that pauses for longer than its lease after a batch is handed out to it, then claims the batch

    When the same batch is handed out to it again before the first partial is committed
    """
    worker, other, job_id = stack.worker(), stack.worker(), stack.planned(stack.generated())
    (claim,) = claim_several(stack, other, 1)
    wait_for_batch = batches.wait_for_batch

    def reclaimed() -> list[BatchId]:  # again, if the worker's heart beats in between
        stack.client.call("DEL", keys.heartbeat(worker.id))
        return [batch for _, batch in workers.reap(stack.client, stack.settings.max_deaths)]

    def pause(*arguments: Any) -> Any:
        item = wait_for_batch(*arguments)
        assert wait_until("the batch to be reclaimed", reclaimed) == [item]
        worker.heartbeat._register()
        return item

    with monkeypatch.context() as patch:
        patch.setattr("worker.loop.batches.wait_for_batch", pause)
        worker.round()
    while stack.job(job_id).batches.done < stack.job(job_id).batches.total - 1:
        worker.round()
    assert partials.commit_batches(stack.client, other.id, [claim.id], map_claims(stack, [claim]))
    stack.finish(job_id, worker)
    assert stack.job(job_id).rows.read == 300
    assert_result_is_exact(stack, job_id)


def test_batches_handed_out_again_after_redis_lost_its_last_writes_count_once(
    stack: Stack, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a Redis that comes back, in the middle of a group, as it was before the first batch was handed out"""
    worker, job_id = stack.worker(), stack.planned(stack.generated())
    dumps = {name: admin.call("DUMP", name) for name in admin.call("KEYS", "*") if b"worker" not in name}

    def roll_back_once(mapper: Any, batch: MappableBatch, folders: Any, before_block: Any) -> None:
        add_batch(mapper, batch, folders, before_block)
        if dumps:
            stack.client.call("DEL", keys.claimed(worker.id))
            for name, dump in dumps.items():
                admin.call("RESTORE", name, 0, dump, "REPLACE")
            dumps.clear()

    monkeypatch.setattr("worker.loop.add_batch", roll_back_once)
    stack.finish(job_id, worker)
    assert stack.job(job_id).rows.read == 300
    assert_result_is_exact(stack, job_id)


def test_a_worker_that_is_asked_to_stop_commits_the_mapped_batches_and_gives_back_the_rest(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = Stop()
    worker = Worker(stack.client, stack.blocking(), stack.settings, stop, stack.policy)
    worker.register()
    job_id = stack.planned(stack.generated())
    claim_several(stack, worker, 2)

    def stop_at_second(mapper: Any, batch: MappableBatch, folders: Any, before_block: Any) -> None:
        add_batch(mapper, batch, folders, before_block)
        if batch.number == 2:
            stop._requested.set()

    monkeypatch.setattr("worker.loop.add_batch", stop_at_second)
    worker.round()
    worker.leave()
    assert [batch.state for batch in batches_of(stack.client, job_id)][:3] == [
        BatchState.DONE,
        BatchState.WAITING,
        BatchState.DONE,
    ]
    assert [batch.deaths + batch.attempts for batch in batches_of(stack.client, job_id)][:3] == [0, 0, 0]
    monkeypatch.undo()
    stack.finish(job_id, stack.worker())
    assert_result_is_exact(stack, job_id)


def test_a_worker_that_lost_redis_over_a_commit_does_not_map_a_batch_that_it_no_longer_has(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a worker that has claimed a batch of another job when its commit fails / When both batches are reclaimed"""
    first, second = stack.planned(stack.generated()), stack.planned(stack.generated(seed=2, name="other.csv"))
    worker = stack.worker()

    def lose_redis(*_: Any) -> bool:
        raise BrokerUnavailable("Redis does not answer.")

    with monkeypatch.context() as patch:
        for name in ("commit_batches", "commit_and_claim_next"):
            patch.setattr(f"worker.loop.partials.{name}", lose_redis)
        with pytest.raises(BrokerUnavailable):
            worker.round()
    claims = batches.claimed_items(stack.client, worker.id)
    assert {item.job for item in claims} == {first, second}
    worker.heartbeat.stop()
    stack.client.call("DEL", keys.heartbeat(worker.id))
    workers.reap(stack.client, stack.settings.max_deaths)
    for job_id in (first, second):
        stack.finish(job_id, stack.worker())
    worker.round()
    for job_id in (first, second):
        assert stack.client.call("HGET", JobKeys(job_id).job, "discarded") == b"0"
        assert_result_is_exact(stack, job_id)
