"""The ready list, the list of jobs and the counters."""

from collections.abc import Callable

from autoconnect.broker import counters, jobs, keys, partials, workers
from autoconnect.broker.connection import Client
from autoconnect.broker.keys import JobKeys
from autoconnect.models import JobStatus
from tests.integration.faults import reap
from tests.integration.stack import Stack, map_claim


def test_the_ready_list_holds_two_batches_for_each_live_worker_and_jobs_take_turns(
    make_stack: Callable[..., Stack], client: Client
) -> None:
    stack = make_stack(batch_bytes=200)
    for _ in range(2):
        stack.worker()
    source = stack.generated()
    first, second = stack.planned(source), stack.planned(source)
    assert client.call("LLEN", keys.READY) == 4
    worker = stack.worker()
    for _ in range(12):
        worker.round()
    done = [stack.job(job_id).batches.done for job_id in (first, second)]
    assert sum(done) == 12
    assert min(done) >= 4
    for job_id in (first, second):
        jobs.end_job(client, job_id, JobStatus.CANCELLED)


def test_a_small_job_does_not_wait_for_the_rest_of_a_large_one(
    make_stack: Callable[..., Stack], client: Client
) -> None:
    """Given a job with large batches, and then one with as many small ones

    I expect all of the small ones to be done after the large ones that were ready, and one more.
    """
    stack, other = make_stack(batch_bytes=10_000), make_stack(batch_bytes=300)
    worker = stack.worker()
    large = stack.planned(stack.generated(rows=3_000))
    small = other.planned(other.generated(rows=100, name="small.csv"))
    total = stack.job(small).batches.total
    assert abs(total - stack.job(large).batches.total) < 5
    for _ in range(2 + total + 1):
        worker.round()
    assert [stack.job(small).batches.done, stack.job(large).batches.done] == [total, 3]
    jobs.end_job(client, large, JobStatus.CANCELLED)
    assert stack.finish(small).status is JobStatus.COMPLETED


def test_the_ready_list_shrinks_with_the_workers(make_stack: Callable[..., Stack], client: Client) -> None:
    stack = make_stack(batch_bytes=200)
    living, *leaving = (stack.worker() for _ in range(4))
    job_id = stack.planned(stack.generated())
    assert client.call("LLEN", keys.READY) == 8
    for worker in leaving:
        worker.leave()
    workers.check_leases(client, stack.settings.lease_ms)
    for _ in range(8):
        living.round()
    assert client.call("LLEN", keys.READY) == 2
    jobs.end_job(client, job_id, JobStatus.CANCELLED)


def test_the_list_of_jobs_skips_any_number_of_expired_jobs(client: Client) -> None:
    last = jobs.create_job(client, "a.csv", 600)
    for number in range(250):
        client.call("ZADD", keys.JOBS, number + 2, JobKeys(f"expired{number}").job)
    assert [job.id for _, job in jobs.list_jobs(client)] == [last]
    jobs.end_job(client, last, JobStatus.CANCELLED)


def test_events_of_batches_and_jobs_are_counted(stack: Stack, client: Client) -> None:
    victim, job_id = stack.worker(), stack.planned(stack.generated(rows=100))
    claim = stack.claimed(victim)
    item = claim.id
    victim.heartbeat.stop()
    client.call("DEL", keys.heartbeat(victim.id))
    reap(stack)
    job = stack.finish(job_id, stack.worker())
    assert not partials.commit_batches(client, victim.id, [item], map_claim(claim, stack.settings))
    jobs.end_job(client, stack.planned("missing.csv"), JobStatus.CANCELLED)
    jobs.end_job(client, stack.submit("b.csv"), JobStatus.CANCELLED)
    assert counters.read_counters(client) == {
        "batches_done": job.batches.total,
        "retried": 1,
        "reclaimed": 1,
        "backed_up": 0,
        "discarded": 1,
        "dead": 0,
        "rows_accepted": job.rows.accepted,
        "jobs_completed": 1,
        "jobs_failed": 1,
        "jobs_cancelled": 1,
        "webhooks_sent": 0,
        "webhooks_given_up": 0,
        "webhooks_dropped": 0,
    }
