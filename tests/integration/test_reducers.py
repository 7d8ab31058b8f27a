"""A job has one reducer at a time, and the death of a reducer counts for the job that it worked on."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from aggregator.reduction import Reducer
from autoconnect.broker import batches, jobs, keys, partials, reducers
from autoconnect.broker.connection import Client
from autoconnect.broker.keys import JobKeys
from autoconnect.broker.reducers import Judgement, Reduction
from autoconnect.errors import BrokerUnavailable
from autoconnect.models import JobStatus
from tests.integration.stack import Stack, expected_metrics
from worker.loop import Worker

JUDGING = Judgement(may_judge=True, max_deaths=3)
NOT_JUDGING = Judgement(may_judge=False, max_deaths=3)
LEASE_MS = 60_000


def begin(client: Client, job_id: str, reducer: str, judgement: Judgement = JUDGING) -> Reduction | None:
    return reducers.begin_reduction(client, job_id, reducer, LEASE_MS, judgement)


def die(client: Client, job_id: str, reducer: str, judgement: Judgement = JUDGING) -> None:
    """Let a reducer begin to work on a job, and die over it."""
    assert begin(client, job_id, reducer, judgement)
    reducers.end_lease(client, reducer)


def deaths(client: Client, job_id: str) -> int:
    return int(client.call("HGET", JobKeys(job_id).job, "reducer_deaths") or 0)


def with_partials(stack: Stack, worker: Worker, count: int = 3, source: str = "") -> str:
    """The id of a running job that has a number of partials."""
    job_id = stack.planned(source or stack.generated())
    while len(partials.partial_names(stack.client, job_id)) < count:
        worker.round()
    return job_id


def is_exact(stack: Stack, job_id: str, worker: Worker) -> bool:
    """Whether a job completes with the metrics of the oracle."""
    assert stack.finish(job_id, worker).status is JobStatus.COMPLETED
    data = (stack.settings.data_dir / stack.job(job_id).source).read_bytes()
    return stack.metrics(job_id) == expected_metrics(data)


def run_for_a_lease(stack: Stack) -> None:
    """Let the aggregator run until it may judge."""
    end = time.monotonic() + 1.2 * stack.settings.lease_ms / 1_000
    while time.monotonic() < end:
        stack.aggregator.round()


# The lease that a job has


def test_a_job_is_worked_on_by_one_reducer_at_a_time(stack: Stack, client: Client) -> None:
    worker = stack.worker()
    job_id = with_partials(stack, worker)
    reduction = begin(client, job_id, "one")
    assert reduction
    assert reduction.status is JobStatus.RUNNING
    assert sorted(reduction.names) == sorted(partials.partial_names(client, job_id))
    assert begin(client, job_id, "other") is None
    assert begin(client, job_id, "one") == reduction, "as if sent again after a lost reply"
    reducers.end_reduction(client, job_id, "other")
    assert begin(client, job_id, "other") is None, "nobody ends the work of another one"
    reducers.end_reduction(client, job_id, "one")
    assert begin(client, job_id, "other")
    reducers.end_reduction(client, job_id, "other")
    assert deaths(client, job_id) == 0
    assert is_exact(stack, job_id, worker)


def test_a_job_that_does_not_exist_or_has_nothing_to_reduce_has_no_reducer(stack: Stack, client: Client) -> None:
    queued = stack.submit("source.csv")
    assert begin(client, "none", "one") is None
    assert begin(client, queued, "one") is None
    jobs.end_job(client, queued, JobStatus.CANCELLED)
    assert begin(client, queued, "one") is None
    reducers.end_reduction(client, "none", "one")
    assert not reducers.has_lease(client, "one")
    assert client.call("EXISTS", JobKeys("none").job) == 0


def test_a_lease_lasts_while_it_is_renewed_even_if_redis_is_full_or_lost_it(client: Client, admin: Client) -> None:
    reducers.renew_lease(client, "one", LEASE_MS)
    try:
        admin.call("CONFIG", "SET", "maxmemory", 1)
        reducers.renew_lease(client, "one", 2 * LEASE_MS)
        assert LEASE_MS < client.call("PTTL", keys.reducer("one")) <= 2 * LEASE_MS
        reducers.end_lease(client, "one")
        assert not reducers.has_lease(client, "one")
        reducers.renew_lease(client, "one", LEASE_MS)
        assert reducers.has_lease(client, "one")
    finally:
        admin.call("CONFIG", "SET", "maxmemory", 0)


# Deaths


def test_a_death_counts_for_the_job_that_the_reducer_worked_on_and_for_no_other(stack: Stack, client: Client) -> None:
    worker = stack.worker()
    job_id = with_partials(stack, worker)
    other = with_partials(stack, worker, source=stack.generated(seed=2, name="other.csv"))
    assert begin(client, other, "one")
    reducers.end_reduction(client, other, "one")
    die(client, job_id, "one")
    assert begin(client, other, "two")
    assert begin(client, job_id, "two")
    assert begin(client, job_id, "two"), "as if sent again after a lost reply"
    assert (deaths(client, job_id), deaths(client, other)) == (1, 0)
    for each in (job_id, other):
        reducers.end_reduction(client, each, "two")
        assert is_exact(stack, each, worker)


def test_a_lease_that_ended_while_nobody_may_judge_is_no_death(stack: Stack, client: Client) -> None:
    worker = stack.worker()
    job_id = with_partials(stack, worker)
    die(client, job_id, "one")
    assert begin(client, job_id, "two", NOT_JUDGING)
    assert begin(client, job_id, "two", JUDGING)
    assert deaths(client, job_id) == 0
    reducers.end_reduction(client, job_id, "two")
    assert is_exact(stack, job_id, worker)


def test_a_job_that_kills_its_reducers_fails_after_max_deaths_and_can_be_retried(stack: Stack, client: Client) -> None:
    """Given MAX_DEATHS=3 / When the failed job is retried, I expect it to have as many deaths again"""
    worker = stack.worker()
    job_id = with_partials(stack, worker)
    for number in range(3):
        die(client, job_id, f"reducer {number}")
    assert begin(client, job_id, "last") is None
    job = stack.job(job_id)
    assert job.status is JobStatus.FAILED
    assert job.error == "Reducing the job failed: the process that did it died 3 times."
    assert partials.partial_names(client, job_id) == []
    assert begin(client, job_id, "last") is None
    assert jobs.retry_job(client, job_id)
    stack.orchestrator.round()
    for number in range(2):
        die(client, job_id, f"reducer {number} of the retry")
    assert begin(client, job_id, "last")
    assert (deaths(client, job_id), stack.job(job_id).status) == (2, JobStatus.RUNNING)
    reducers.end_reduction(client, job_id, "last")
    assert is_exact(stack, job_id, worker)


def test_deaths_before_a_retry_do_not_count_after_it(stack: Stack, client: Client) -> None:
    """Given deaths of reducers / When the job fails for another reason, and is retried from where it stopped"""
    worker = stack.worker()
    job_id = with_partials(stack, worker)
    for number in range(2):
        die(client, job_id, f"reducer {number}")
    reducers.end_reduction(client, job_id, "reducer 1")
    (item,) = batches.claimed_items(client, worker.id)
    batches.give_back_batch(client, worker.id, item, max_attempts=1, reason="no luck")
    assert stack.job(job_id).status is JobStatus.FAILED
    assert jobs.retry_job(client, job_id)
    assert stack.job(job_id).status is JobStatus.RUNNING
    assert deaths(client, job_id) == 0
    assert is_exact(stack, job_id, worker)


# The aggregator as a judge


def test_an_aggregator_that_has_just_started_judges_nobody(stack: Stack, client: Client) -> None:
    worker = stack.worker()
    job_id = with_partials(stack, worker)
    die(client, job_id, "one")
    stack.aggregator.round()
    assert client.call("HEXISTS", JobKeys(job_id).job, "reducer") == 0
    assert deaths(client, job_id) == 0
    assert is_exact(stack, job_id, worker)


def test_an_aggregator_judges_after_one_lease(make_stack: Callable[..., Stack], client: Client) -> None:
    stack = make_stack(max_deaths=2)
    worker = stack.worker()
    job_id = with_partials(stack, worker)
    end = time.monotonic() + 30
    while not stack.job(job_id).status.ended:  # a tick that is late on a busy machine begins another lease
        assert time.monotonic() < end
        die(client, job_id, "one")
        stack.aggregator.round()
    job = stack.job(job_id)
    assert job.status is JobStatus.FAILED
    assert job.error == "Reducing the job failed: the process that did it died 2 times."


def test_an_aggregator_that_lost_redis_judges_nobody_for_one_lease(stack: Stack, client: Client, admin: Client) -> None:
    """Given an aggregator that judges / When Redis refuses its calls, and then a reducer is without its lease"""
    worker = stack.worker()
    job_id = with_partials(stack, worker)
    run_for_a_lease(stack)
    admin.call("CONFIG", "SET", "min-replicas-to-write", 1)
    try:
        with pytest.raises(BrokerUnavailable, match="NOREPLICAS"):
            run_for_a_lease(stack)
    finally:
        admin.call("CONFIG", "SET", "min-replicas-to-write", 0)
    die(client, job_id, "one")
    stack.aggregator.round()
    assert deaths(client, job_id) == 0
    assert is_exact(stack, job_id, worker)


# Two reducers of one job, because Redis lost their leases


def test_two_reducers_of_one_job_do_no_harm(
    make_stack: Callable[..., Stack], client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given two reducers and a Redis that loses their leases / While a worker commits, I expect an exact result"""
    monkeypatch.setattr("autoconnect.broker.partials.COMPACT_PARTIALS", 2)
    stack = make_stack(batch_bytes=300)
    worker, job_id = stack.worker(), stack.planned(stack.generated())
    worked: set[str] = set()

    def reduce(reducer: Reducer) -> None:
        while not stack.job(job_id).status.ended:
            client.call("UNLINK", *(keys.reducer(each.name) for each in both))
            reducer.reduce(job_id)
            worked.add(reducer.name)

    both = [Reducer(client, stack.settings) for _ in range(2)]
    with ThreadPoolExecutor() as threads:
        reducing = [threads.submit(reduce, reducer) for reducer in both]
        while stack.job(job_id).status is JobStatus.RUNNING:
            worker.round()
        for each in reducing:
            each.result(30)
    assert worked == {reducer.name for reducer in both}
    assert is_exact(stack, job_id, worker)
    assert client.call("ZCARD", keys.STAGING) == 0


def test_a_partial_that_comes_while_a_sum_is_written_is_not_lost(
    make_stack: Callable[..., Stack], client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autoconnect.broker.partials.COMPACT_PARTIALS", 2)
    stack = make_stack(batch_bytes=1_000)
    worker = stack.worker()
    job_id = with_partials(stack, worker, count=2)
    compact = partials.compact_partials
    numbers: list[int] = []

    def commit_and_compact(*arguments: Any) -> str | None:
        worker.round()
        name = compact(*arguments)
        numbers.append(len(partials.partial_names(client, job_id)))
        return name

    with monkeypatch.context() as patch:
        patch.setattr("aggregator.reduction.partials.compact_partials", commit_and_compact)
        Reducer(client, stack.settings).reduce(job_id)
    assert numbers == [2], "the sum, and the partial that came meanwhile"
    assert is_exact(stack, job_id, worker)


def test_a_reduction_ends_if_its_job_fails_with_more_partials_than_one_script_takes(
    make_stack: Callable[..., Stack], client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a job with many partials, which a retry can use / When it fails while they are summed, I expect an end"""
    monkeypatch.setattr("aggregator.reduction._MAX_NAMES", 2)
    stack = make_stack(batch_bytes=1_000)
    worker = stack.worker()
    job_id = with_partials(stack, worker, count=5)
    (item,) = batches.claimed_items(client, worker.id)
    compact = partials.compact_partials
    calls: list[str] = []

    def fail_and_compact(*arguments: Any) -> str | None:
        batches.give_back_batch(client, worker.id, item, max_attempts=1, reason="no luck")
        calls.append("compact")
        assert len(calls) < 5, "it never ends"
        return compact(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr("aggregator.reduction.partials.compact_partials", fail_and_compact)
        Reducer(client, stack.settings).reduce(job_id)
    assert stack.job(job_id).status is JobStatus.FAILED
    assert jobs.retry_job(client, job_id)
    assert is_exact(stack, job_id, worker)


def test_more_partials_than_one_script_takes_are_summed_bit_by_bit(
    make_stack: Callable[..., Stack], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aggregator.reduction._MAX_NAMES", 3)
    stack = make_stack(batch_bytes=1_000)
    worker, job_id = stack.worker(), stack.planned(stack.generated())
    while stack.job(job_id).status is JobStatus.RUNNING:
        worker.round()
    assert len(partials.partial_names(stack.client, job_id)) > 9
    assert is_exact(stack, job_id, worker)
