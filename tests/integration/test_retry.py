"""A failed job that is retried: batches that are not done run again, and the result is that of an undisturbed job."""

from collections.abc import Callable
from typing import Any

import pytest

from autoconnect.broker import batches, counters, jobs, keys, partials
from autoconnect.broker.connection import Client
from autoconnect.broker.keys import BatchId, JobKeys
from autoconnect.core.plan import MappableBatch
from autoconnect.mapping import add_batch
from autoconnect.models import BatchState, Job, JobStatus
from tests.integration.stack import HEADER, Stack, expected_metrics, map_claim


def fail_over_third(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Job:
    """A job that has failed because each attempt at its third batch failed."""

    def fail(mapper: Any, batch: MappableBatch, folders: Any, before_block: Any) -> None:
        if batch.number == 2:
            raise ArithmeticError("no luck")
        add_batch(mapper, batch, folders, before_block)

    job_id = stack.planned(stack.generated())
    with monkeypatch.context() as patch:
        patch.setattr("worker.loop.add_batch", fail)
        job = stack.finish(job_id, stack.worker())
    assert job.status is JobStatus.FAILED
    return job


def assert_completes(stack: Stack, job_id: str) -> Job:
    job = stack.finish(job_id, stack.worker())
    assert (job.status, job.error) == (JobStatus.COMPLETED, None)
    assert job.batches.done == job.batches.total
    assert stack.metrics(job_id) == expected_metrics((stack.settings.data_dir / job.source).read_bytes())
    return job


def test_only_batches_that_are_not_done_run_again(
    stack: Stack, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = fail_over_third(stack, monkeypatch)
    done, total = failed.batches.done, failed.batches.total
    assert 0 < done < total
    done_before = counters.read_counters(client)["batches_done"]
    assert jobs.retry_job(client, failed.id)
    retried = stack.job(failed.id)
    assert (retried.status, retried.error, retried.finished_at) == (JobStatus.RUNNING, None, None)
    assert (retried.batches.done, retried.batches.dead) == (done, 0)
    assert_completes(stack, failed.id)
    assert counters.read_counters(client)["batches_done"] - done_before == total - done
    assert all(batch.attempts == 0 for batch in batches.read_batches(client, failed.id, range(total)))


def test_items_from_before_the_failure_are_dropped_after_a_retry(
    stack: Stack, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given items in the ready list and a claimed batch when the job fails / When it is retried

    I expect each batch to be in one list only, and the late commit to be discarded.
    """
    late = stack.worker()
    job_id = stack.planned(stack.generated())
    claim = stack.claimed(late)
    item = claim.id
    other = stack.worker()
    second = stack.handed_out(other)
    assert batches.give_back_batch(client, other.id, second, max_attempts=1, reason="no luck")
    assert stack.job(job_id).status is JobStatus.FAILED
    assert jobs.retry_job(client, job_id)
    assert not partials.commit_batches(client, late.id, [item], map_claim(claim, stack.settings))
    lists = (keys.READY, JobKeys(job_id).waiting)
    listed = [BatchId.parse(entry.decode()) for name in lists for entry in client.call("LRANGE", name, 0, -1)]
    retried = sorted(batch_id.batch for batch_id in listed if batch_id.generation != item.generation)
    assert retried == list(range(stack.job(job_id).batches.total))
    assert_completes(stack, job_id)


def test_if_a_partial_is_gone_every_batch_runs_again(
    stack: Stack, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = fail_over_third(stack, monkeypatch)
    (name, *_) = partials.partial_names(client, failed.id)
    client.call("DEL", name)
    assert jobs.retry_job(client, failed.id)
    assert (stack.job(failed.id).status, stack.job(failed.id).rows.read) == (JobStatus.QUEUED, 0)
    assert_completes(stack, failed.id)


def test_an_inline_job_runs_again_from_the_start(
    make_stack: Callable[..., Stack], client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = make_stack(batch_transport="inline")
    failed = fail_over_third(stack, monkeypatch)
    assert jobs.retry_job(client, failed.id)
    assert_completes(stack, failed.id)


def test_a_job_that_could_not_be_planned_is_planned_again(stack: Stack, client: Client) -> None:
    job_id = stack.planned("later.csv")
    assert stack.job(job_id).status is JobStatus.FAILED
    stack.generated(name="later.csv")
    assert jobs.retry_job(client, job_id)
    assert_completes(stack, job_id)


def test_a_job_with_too_many_rejects_fails_again_for_the_same_reason(stack: Stack, client: Client) -> None:
    job_id = stack.planned(stack.write(HEADER + "TX1,2024-01-01,Paris,vente,BMW X3,oops,\n"))
    failed = stack.finish(job_id, stack.worker())
    assert jobs.retry_job(client, job_id)
    again = stack.finish(job_id, stack.worker())
    assert (again.status, again.error) == (JobStatus.FAILED, failed.error)
    assert (again.rows, again.rejected_by_reason) == (failed.rows, failed.rejected_by_reason)


@pytest.mark.parametrize("end", [None, JobStatus.CANCELLED])
def test_a_job_that_has_not_failed_is_not_retried(stack: Stack, client: Client, end: JobStatus | None) -> None:
    job_id = stack.planned(stack.generated())
    if end:
        jobs.end_job(client, job_id, end)
    before = stack.job(job_id).status
    assert not jobs.retry_job(client, job_id)
    assert stack.job(job_id).status is before
    jobs.end_job(client, job_id, JobStatus.CANCELLED)


def test_a_failed_job_that_is_not_retried_leaves_no_lasting_key(
    stack: Stack, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = fail_over_third(stack, monkeypatch)
    names = partials.partial_names(client, failed.id)
    assert names
    for name in (JobKeys(failed.id).partials, *names):
        assert 0 < client.call("PTTL", name) <= 3_600_000
    states = {batch.state for batch in batches.read_batches(client, failed.id, range(failed.batches.total))}
    assert states == {BatchState.DONE, BatchState.DEAD, BatchState.DROPPED}
