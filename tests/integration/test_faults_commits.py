"""Commits and sums arrive late, twice or from two processes at once: each batch counts once."""

import threading
from collections.abc import Callable

from autoconnect.broker import batches, jobs, keys, partials
from autoconnect.broker.connection import Client
from autoconnect.broker.keys import JobKeys
from autoconnect.core.partial import Partial
from autoconnect.models import JobStatus
from tests.integration.faults import reap
from tests.integration.stack import Stack, expected_metrics, map_claim


def test_the_first_commit_counts_and_every_later_one_is_discarded(stack: Stack, client: Client) -> None:
    zombie, heir = stack.worker(), stack.worker()
    job_id = stack.planned(stack.generated(rows=10))
    claim = stack.claimed(zombie)
    item = claim.id
    partial = map_claim(claim, stack.settings)
    zombie.heartbeat.stop()
    client.call("DEL", keys.heartbeat(zombie.id))
    assert len(reap(stack)) == 1
    heir.round()
    before = stack.job(job_id)
    assert not partials.commit_batches(client, zombie.id, [item], partial)
    after = stack.job(job_id)
    assert (after.rows, after.batches) == (before.rows, before.batches)
    assert client.call("HGET", JobKeys(job_id).job, "discarded") == b"1"


def test_a_zombie_that_commits_first_counts_and_its_heir_has_nothing_to_do(stack: Stack, client: Client) -> None:
    source = stack.generated(rows=10)
    zombie, heir = stack.worker(), stack.worker()
    job_id = stack.planned(source)
    claim = stack.claimed(zombie)
    item = claim.id
    zombie.heartbeat.stop()
    client.call("DEL", keys.heartbeat(zombie.id))
    reap(stack)
    assert partials.commit_batches(client, zombie.id, [item], map_claim(claim, stack.settings))
    heir.round()
    assert batches.claimed_items(client, heir.id) == []
    stack.finish(job_id, heir)
    assert stack.metrics(job_id) == expected_metrics((stack.settings.data_dir / source).read_bytes())


def test_a_commit_that_is_sent_again_after_a_lost_reply_counts_once(stack: Stack, client: Client) -> None:
    worker = stack.worker()
    job_id = stack.planned(stack.generated(rows=10))
    claim = stack.claimed(worker)
    item = claim.id
    assert batches.claim_batch(client, worker.id, item) == claim
    partial = map_claim(claim, stack.settings)
    assert partials.commit_batches(client, worker.id, [item], partial)
    once = stack.job(job_id)
    assert not partials.commit_batches(client, worker.id, [item], partial)
    assert stack.job(job_id).rows == once.rows
    assert stack.job(job_id).batches == once.batches


def test_compacting_does_nothing_if_a_partial_is_gone(stack: Stack, client: Client) -> None:
    worker = stack.worker()
    job_id = stack.planned(stack.generated())
    for _ in range(3):
        worker.round()
    names = partials.partial_names(client, job_id)
    assert len(names) == 3
    assert partials.compact_partials(client, job_id, names[:2], Partial())
    assert not partials.compact_partials(client, job_id, names, Partial())
    assert len(partials.partial_names(client, job_id)) == 2
    assert len(list(partials.read_partials(client, names))) == 1
    jobs.end_job(client, job_id, JobStatus.CANCELLED)


def test_partials_are_compacted_while_the_job_runs(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(batch_bytes=300)
    worker, job_id = stack.worker(), stack.planned(stack.generated())
    for _ in range(partials.COMPACT_PARTIALS):
        worker.round()
    stack.aggregator.round()
    assert len(partials.partial_names(stack.client, job_id)) == 1
    assert stack.finish(job_id, worker).rows.read == 300


def test_partials_of_a_job_that_has_ended_are_not_compacted(stack: Stack, client: Client) -> None:
    job_id = stack.planned(stack.generated())
    jobs.end_job(client, job_id, JobStatus.CANCELLED)
    assert not partials.compact_partials(client, job_id, [], Partial())


def test_two_aggregators_and_two_orchestrators_do_no_harm(make_stack: Callable[..., Stack]) -> None:
    one, two = make_stack(batch_bytes=300), make_stack(batch_bytes=300)
    source = one.generated()
    job_id = one.submit(source)
    threads = [
        threading.Thread(target=stack.finish, args=(job_id, stack.worker()), daemon=True) for stack in (one, two)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert one.job(job_id).status is JobStatus.COMPLETED
    assert one.metrics(job_id) == expected_metrics((one.settings.data_dir / source).read_bytes())
