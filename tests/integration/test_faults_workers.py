"""Workers fail over a batch, stop or lose a reply: the batch runs again, and a stop counts against nothing."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from autoconnect.broker import batches, jobs
from autoconnect.broker.connection import BlockingClient, Client
from autoconnect.mapping import add_batch
from autoconnect.models import BatchState, JobStatus
from tests.integration.faults import waiting_items
from tests.integration.stack import Stack


def test_an_exception_counts_to_max_attempts(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise ArithmeticError("no luck")

    monkeypatch.setattr("worker.loop.add_batch", fail)
    job_id = stack.planned(stack.generated(rows=10))
    job = stack.finish(job_id, stack.worker())
    assert (job.status, job.batches.dead, job.batches.retried) == (JobStatus.FAILED, 1, 2)
    assert job.error == "Batch 0 is dead after 3 attempts: ArithmeticError: no luck"


def test_a_worker_that_stops_gives_its_batch_back_without_an_attempt_or_a_death(stack: Stack, client: Client) -> None:
    worker = stack.worker()
    job_id = stack.planned(stack.generated(rows=10))
    item = stack.handed_out(worker)
    assert batches.claim_batch(client, worker.id, item)
    worker.leave()
    (batch,) = batches.read_batches(client, job_id, [item.batch])
    assert (batch.state, batch.attempts, batch.deaths) == (BatchState.WAITING, 0, 0)
    assert stack.finish(job_id, stack.worker()).status is JobStatus.COMPLETED


def test_a_worker_that_stops_before_it_claims_an_item_gives_the_item_back(stack: Stack, client: Client) -> None:
    worker = stack.worker()
    job_id = stack.planned(stack.generated(rows=10))
    item = stack.handed_out(worker)
    worker.leave()
    assert item in waiting_items(client, job_id)
    assert stack.finish(job_id, stack.worker()).status is JobStatus.COMPLETED


def test_an_item_whose_hand_out_reply_was_lost_is_mapped_in_the_next_round(stack: Stack, client: Client) -> None:
    worker = stack.worker()
    job_id = stack.planned(stack.generated(rows=10))
    stack.handed_out(worker)  # as if the reply had never reached the worker
    worker.round()
    assert stack.job(job_id).batches.done == 1


def test_a_worker_that_waits_for_a_batch_can_be_interrupted(redis_url: str, admin: Client) -> None:
    blocking = BlockingClient(redis_url, 60_000)
    started = time.monotonic()
    waiting = threading.Thread(target=batches.wait_for_batch, args=(blocking, "w", 60_000))
    waiting.start()
    while not any(b"cmd=blmove" in line for line in admin.call("CLIENT", "LIST").splitlines()):
        assert time.monotonic() < started + 10
    blocking.interrupt()
    waiting.join(10)
    assert not waiting.is_alive()
    blocking.close()


@pytest.mark.parametrize("mapper", ["kernel", "plain"])
def test_a_worker_stops_in_the_middle_of_a_batch_if_its_job_is_cancelled(
    make_stack: Callable[..., Stack], monkeypatch: pytest.MonkeyPatch, mapper: str
) -> None:
    monkeypatch.setattr("worker.loop._CHECK_S", 0)
    stack = make_stack(batch_bytes=1 << 24, mapper=mapper)
    worker, job_id = stack.worker(), stack.planned(stack.generated(rows=60_000))
    reads = 0

    def cancel_and_count(mapper: Any, batch: Any, folders: Any, before_block: Callable[[], None]) -> None:
        def count() -> None:
            nonlocal reads
            reads += 1
            jobs.end_job(stack.client, job_id, JobStatus.CANCELLED)
            before_block()

        add_batch(mapper, batch, folders, count)

    monkeypatch.setattr("worker.loop.add_batch", cancel_and_count)
    worker.round()
    assert reads == 1
    worker.round()
    assert batches.claimed_items(stack.client, worker.id) == []
    assert stack.job(job_id).rows.read == 0
