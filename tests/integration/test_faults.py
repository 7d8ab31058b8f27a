"""What a death, a lost reply, a zombie or a second service may not change: each batch counts exactly once."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from autoconnect.broker import batches, jobs, queues, results, workers
from autoconnect.broker.connection import BlockingClient, Client, connect
from autoconnect.broker.keys import BatchId
from autoconnect.core.partial import Partial
from autoconnect.errors import BrokerFull, BrokerUnavailable, SettingsError
from autoconnect.models import BatchState, JobStatus
from orchestrator.planner import make_plan
from tests.integration.stack import Stack, expected_metrics, map_claim
from worker.loop import Worker
from worker.mapping import add_claim


class Crashed(BaseException):
    """Stands for the end of a process: nothing catches it."""


def crash_while_mapping(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker claims a batch and dies over it: its heartbeat ends with it."""

    def die(*_: Any) -> None:
        raise Crashed

    with monkeypatch.context() as patch:
        patch.setattr("worker.loop.add_claim", die)
        with pytest.raises(Crashed):
            worker.round()
    worker.heartbeat.stop()


def waiting_items(client: Client, job_id: str) -> list[BatchId]:
    """What is in the ready list and the job's waiting list."""
    lists = ("autoconnect:ready", f"autoconnect:job:{job_id}:waiting")
    return [BatchId.parse(item.decode()) for name in lists for item in client.call("LRANGE", name, 0, -1)]


def reap(stack: Stack) -> list[tuple[str, BatchId]]:
    return workers.reap(stack.client, stack.settings.max_deaths)


def ticks(stack: Stack) -> None:
    """Lets the orchestrator look several times."""
    for _ in range(10):
        stack.orchestrator.round()


def test_a_batch_of_a_dead_worker_goes_to_another_and_the_result_is_right(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = stack.generated()
    victim, job_id = stack.worker(), stack.planned(source)
    crash_while_mapping(victim, monkeypatch)
    stack.client.call("DEL", f"autoconnect:worker:{victim.id}")
    ((worker, batch),) = reap(stack)
    assert (worker, batch.job) == (victim.id, job_id)
    (state,) = jobs.read_batches(stack.client, job_id, [batch.batch])
    assert (state.state, state.deaths, state.attempts) == (BatchState.WAITING, 1, 0)
    job = stack.finish(job_id, stack.worker())
    assert (job.status, job.batches.retried) == (JobStatus.COMPLETED, 1)
    assert stack.metrics(job_id) == expected_metrics((stack.settings.data_dir / source).read_bytes())


def test_a_claim_of_an_item_that_was_reaped_meanwhile_is_no_claim(stack: Stack, client: Client) -> None:
    """Given a worker that stands still between being handed an item and claiming it, for longer than its lease

    When it goes on, I expect that the batch is not its own any more, but of the one that has the item.
    """
    still, other = stack.worker(), stack.worker()
    job_id = stack.planned(stack.generated(rows=10))
    item = stack.handed(still)
    client.call("DEL", f"autoconnect:worker:{still.id}")
    assert reap(stack) == [(still.id, item)]
    assert stack.handed(other) == item
    assert batches.claim_batch(client, still.id, item) is None
    assert batches.claim_batch(client, other.id, item)
    assert stack.finish(job_id, other).status is JobStatus.COMPLETED


def test_a_worker_that_redis_has_forgotten_is_known_again_by_what_it_is_handed(stack: Stack, client: Client) -> None:
    """Given a Redis that came back without a worker / When it is handed batches and killed before its next heartbeat

    I expect them to be taken from it all the same.
    """
    victim, job_id = stack.worker(), stack.planned(stack.generated())
    victim.heartbeat.stop()

    def forget() -> None:
        client.call("ZREM", "autoconnect:workers", f"autoconnect:worker:{victim.id}")
        client.call("DEL", f"autoconnect:worker:{victim.id}")

    forget()
    item = stack.handed(victim)
    assert reap(stack) == [(victim.id, item)]
    item = stack.handed(victim)
    forget()
    claim = batches.claim_batch(client, victim.id, item)
    assert claim
    assert reap(stack) == [(victim.id, item)]
    forget()
    counted, handed = results.commit_and_take(client, victim.id, [item], map_claim(claim, stack.settings))
    assert counted
    assert handed
    assert [worker for worker, _ in reap(stack)] == [victim.id]
    assert stack.finish(job_id, stack.worker()).status is JobStatus.COMPLETED


def test_nobody_is_reaped_whose_heartbeat_is_there(stack: Stack) -> None:
    worker = stack.worker()
    stack.planned(stack.generated())
    item = stack.handed(worker)
    assert reap(stack) == []
    assert batches.claimed_items(stack.client, worker.id) == [item]


def test_a_poison_batch_is_dead_after_max_deaths_and_fails_its_job(
    make_stack: Callable[..., Stack], monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = make_stack(max_deaths=2, batch_bytes=1 << 20)
    job_id = stack.planned(stack.generated())
    for _ in range(2):
        victim = stack.worker()
        crash_while_mapping(victim, monkeypatch)
        stack.client.call("DEL", f"autoconnect:worker:{victim.id}")
        reap(stack)
    job = stack.job(job_id)
    assert (job.status, job.batches.dead) == (JobStatus.FAILED, 1)
    assert job.error == "Batch 0 is dead after 2 deaths: its worker died."
    (batch,) = jobs.read_batches(stack.client, job_id, [0])
    assert (batch.state, batch.error) == (BatchState.DEAD, "its worker died.")


def test_an_exception_counts_to_max_attempts(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise ArithmeticError("no luck")

    monkeypatch.setattr("worker.loop.add_claim", fail)
    job_id = stack.planned(stack.generated(rows=10))
    job = stack.finish(job_id, stack.worker())
    assert (job.status, job.batches.dead, job.batches.retried) == (JobStatus.FAILED, 1, 2)
    assert job.error == "Batch 0 is dead after 3 attempts: ArithmeticError: no luck"


def test_the_first_commit_counts_and_every_later_one_is_discarded(stack: Stack, client: Client) -> None:
    zombie, heir = stack.worker(), stack.worker()
    job_id = stack.planned(stack.generated(rows=10))
    claim = stack.claimed(zombie)
    item = claim.id
    partial = map_claim(claim, stack.settings)
    zombie.heartbeat.stop()
    client.call("DEL", f"autoconnect:worker:{zombie.id}")
    assert len(reap(stack)) == 1
    heir.round()
    before = stack.job(job_id)
    assert not results.commit_batches(client, zombie.id, [item], partial)
    after = stack.job(job_id)
    assert (after.rows, after.batches) == (before.rows, before.batches)
    assert client.call("HGET", f"autoconnect:job:{job_id}", "discarded") == b"1"


def test_a_zombie_that_commits_first_counts_and_its_heir_finds_nothing_to_do(stack: Stack, client: Client) -> None:
    source = stack.generated(rows=10)
    zombie, heir = stack.worker(), stack.worker()
    job_id = stack.planned(source)
    claim = stack.claimed(zombie)
    item = claim.id
    zombie.heartbeat.stop()
    client.call("DEL", f"autoconnect:worker:{zombie.id}")
    reap(stack)
    assert results.commit_batches(client, zombie.id, [item], map_claim(claim, stack.settings))
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
    assert results.commit_batches(client, worker.id, [item], partial)
    once = stack.job(job_id)
    assert not results.commit_batches(client, worker.id, [item], partial)
    assert stack.job(job_id).rows == once.rows
    assert stack.job(job_id).batches == once.batches


def test_making_a_job_twice_makes_it_once(client: Client) -> None:
    jobs.create_job(client, "a.csv", 600, "same")
    jobs.create_job(client, "b.csv", 600, "same")
    assert [job.source for _, job in jobs.list_jobs(client)] == ["a.csv"]
    assert client.call("LRANGE", "autoconnect:orchestrator", 0, -1) == [b"same"]
    jobs.end_job(client, "same", JobStatus.CANCELLED)


def test_a_job_that_was_left_in_planning_is_planned_anew_and_the_old_plan_does_not_count(stack: Stack) -> None:
    source = stack.generated(rows=10)
    job_id = stack.submit(source)
    generation = jobs.start_plan(stack.client, job_id)
    assert generation
    stack.orchestrator.round()
    assert stack.job(job_id).status is JobStatus.RUNNING
    version, layout = jobs.read_version(stack.client, job_id), jobs.read_layout(stack.client, job_id)
    assert version
    assert layout
    plan = jobs.Plan(version, layout, [])
    assert not jobs.publish_plan(stack.client, job_id, generation, plan, "range")
    assert stack.finish(job_id, stack.worker()).status is JobStatus.COMPLETED


def test_a_batch_of_an_older_plan_is_dropped_when_it_is_claimed(stack: Stack, client: Client) -> None:
    worker = stack.worker()
    job_id = stack.planned(stack.generated(rows=10))
    old = BatchId(job_id, 0, 0)
    client.call("RPUSH", f"autoconnect:worker:{worker.id}:claimed", str(old))
    assert batches.claim_batch(client, worker.id, old) is None
    assert batches.claimed_items(client, worker.id) == []
    assert not results.commit_batches(client, worker.id, [old], Partial())
    assert stack.finish(job_id, worker).rows.read == 10


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


def test_compacting_does_nothing_when_a_partial_is_gone(stack: Stack, client: Client) -> None:
    worker = stack.worker()
    job_id = stack.planned(stack.generated())
    for _ in range(3):
        worker.round()
    names = results.partial_names(client, job_id)
    assert len(names) == 3
    assert results.compact_partials(client, job_id, names[:2], Partial())
    assert not results.compact_partials(client, job_id, names, Partial())
    assert len(results.partial_names(client, job_id)) == 2
    assert len(list(results.read_partials(client, names))) == 1
    jobs.end_job(client, job_id, JobStatus.CANCELLED)


def test_partials_are_merged_while_the_job_runs(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(batch_bytes=300)
    worker, job_id = stack.worker(), stack.planned(stack.generated())
    for _ in range(results.COMPACT_PARTIALS):
        worker.round()
    stack.aggregator.round()
    assert len(results.partial_names(stack.client, job_id)) == 1
    assert stack.finish(job_id, worker).rows.read == 300


def test_the_ready_list_holds_two_batches_for_each_live_worker_and_jobs_take_turns(
    make_stack: Callable[..., Stack], client: Client
) -> None:
    stack = make_stack(batch_bytes=200)
    for _ in range(2):
        stack.worker()
    source = stack.generated()
    first, second = stack.planned(source), stack.planned(source)
    assert client.call("LLEN", "autoconnect:ready") == 4
    worker = stack.worker()
    for _ in range(12):
        worker.round()
    done = [stack.job(job_id).batches.done for job_id in (first, second)]
    assert sum(done) == 12
    assert min(done) >= 4
    for job_id in (first, second):
        jobs.end_job(client, job_id, JobStatus.CANCELLED)


def test_a_worker_that_stops_gives_back_what_it_has_and_that_counts_to_nothing(stack: Stack, client: Client) -> None:
    worker = stack.worker()
    job_id = stack.planned(stack.generated(rows=10))
    item = stack.handed(worker)
    assert batches.claim_batch(client, worker.id, item)
    worker.leave()
    (batch,) = jobs.read_batches(client, job_id, [item.batch])
    assert (batch.state, batch.attempts, batch.deaths) == (BatchState.WAITING, 0, 0)
    assert stack.finish(job_id, stack.worker()).status is JobStatus.COMPLETED


def test_a_worker_that_stops_before_it_has_looked_at_what_it_was_handed_gives_it_back(
    stack: Stack, client: Client
) -> None:
    worker = stack.worker()
    job_id = stack.planned(stack.generated(rows=10))
    item = stack.handed(worker)
    worker.leave()
    assert item in waiting_items(client, job_id)
    assert stack.finish(job_id, stack.worker()).status is JobStatus.COMPLETED


def test_a_plan_is_new_even_where_redis_forgot_the_last_one(stack: Stack, client: Client) -> None:
    job_id = stack.submit("source.csv")
    first = jobs.start_plan(client, job_id)
    client.call("HDEL", f"autoconnect:job:{job_id}", "last_plan")
    time.sleep(0.002)
    second = jobs.start_plan(client, job_id)
    assert first
    assert second
    assert second > first
    jobs.end_job(client, job_id, JobStatus.CANCELLED)


def test_of_two_plans_the_first_counts(stack: Stack, client: Client) -> None:
    source = stack.generated(rows=10)
    job_id = stack.submit(source)
    slow, quick = jobs.start_plan(client, job_id), jobs.start_plan(client, job_id)
    plan = make_plan(source, stack.settings, 1)
    assert slow
    assert quick
    assert jobs.publish_plan(client, job_id, slow, plan, "range")
    assert not jobs.publish_plan(client, job_id, quick, plan, "range")
    assert stack.finish(job_id, stack.worker()).rows.read == 10


def test_a_worker_that_lost_its_batch_cannot_fail_the_job(stack: Stack, client: Client) -> None:
    zombie = stack.worker()
    job_id = stack.planned(stack.generated(rows=10))
    item = stack.handed(zombie)
    batches.claim_batch(client, zombie.id, item)
    zombie.heartbeat.stop()
    client.call("DEL", f"autoconnect:worker:{zombie.id}")
    reap(stack)
    assert not batches.fail_batch(client, zombie.id, item, "the source changed")
    assert stack.finish(job_id, stack.worker()).status is JobStatus.COMPLETED


def test_nothing_is_merged_of_a_job_that_has_ended(stack: Stack, client: Client) -> None:
    job_id = stack.planned(stack.generated())
    jobs.end_job(client, job_id, JobStatus.CANCELLED)
    assert not results.compact_partials(client, job_id, [], Partial())


def test_expired_jobs_are_passed_over_however_many_there_are(client: Client) -> None:
    last = jobs.create_job(client, "a.csv", 600)
    for number in range(250):
        client.call("ZADD", "autoconnect:jobs", number + 2, f"autoconnect:job:expired{number}")
    assert [job.id for _, job in jobs.list_jobs(client)] == [last]
    jobs.end_job(client, last, JobStatus.CANCELLED)


def test_a_lost_reply_of_a_claim_leaves_the_item_in_the_workers_list_and_it_is_done_next(
    stack: Stack, client: Client
) -> None:
    worker = stack.worker()
    job_id = stack.planned(stack.generated(rows=10))
    stack.handed(worker)  # as if the worker had never heard of it
    worker.round()
    assert stack.job(job_id).batches.done == 1


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


def test_a_blocked_claim_can_be_interrupted(redis_url: str, client: Client) -> None:
    blocking = BlockingClient(redis_url, 60_000)
    started = time.monotonic()
    waiting = threading.Thread(target=batches.wait_for_batch, args=(blocking, "w", 60_000))
    waiting.start()
    while not any(b"cmd=blmove" in line for line in client.call("CLIENT", "LIST").splitlines()):
        assert time.monotonic() < started + 10
    blocking.interrupt()
    waiting.join(10)
    assert not waiting.is_alive()
    blocking.close()


def test_a_full_redis_holds_commits_back_and_loses_nothing(stack: Stack, client: Client) -> None:
    worker = stack.worker()
    source = stack.generated()
    job_id = stack.planned(source)
    claim = stack.claimed(worker)
    item = claim.id
    partial = map_claim(claim, stack.settings)
    try:
        client.call("CONFIG", "SET", "maxmemory", 1)
        assert queues.memory_is_short(client)
        with pytest.raises(BrokerFull, match="out of memory"):
            results.commit_batches(client, worker.id, [item], partial)
        assert workers.renew_lease(client, worker.id, 1_000)
        assert stack.job(job_id).batches.done == 0
    finally:
        client.call("CONFIG", "SET", "maxmemory", 0)
    assert results.commit_batches(client, worker.id, [item], partial)
    stack.finish(job_id, worker)
    assert stack.metrics(job_id) == expected_metrics((stack.settings.data_dir / source).read_bytes())


def test_a_full_redis_keeps_no_worker_from_registering_and_no_dead_one_from_being_reaped(
    stack: Stack, client: Client
) -> None:
    victim, job_id = stack.worker(), stack.planned(stack.generated())
    assert stack.handed(victim)
    ticks(stack)
    victim.heartbeat.stop()
    client.call("DEL", f"autoconnect:worker:{victim.id}")
    try:
        client.call("CONFIG", "SET", "maxmemory", 1)
        other = stack.worker()
        ticks(stack)
        assert batches.claimed_items(client, victim.id) == []
        assert [worker.id for worker in workers.live_workers(client)] == [other.id]
    finally:
        client.call("CONFIG", "SET", "maxmemory", 0)
    assert stack.finish(job_id, other).status is JobStatus.COMPLETED


def test_a_redis_that_becomes_full_in_the_middle_of_a_group_costs_nothing_that_is_mapped(
    stack: Stack, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a group that wants more / When Redis is full, I expect what is mapped to be committed once there is room"""
    monkeypatch.setattr("worker.loop._GROUP_S", 60)
    monkeypatch.setattr("worker.loop._FULL_PAUSE_S", 0.01)
    monkeypatch.setattr("worker.loop._ASK_S", 60)
    worker, job_id = stack.worker(), stack.planned(stack.generated())
    claim_next_batch = batches.claim_next_batch

    def take_of_a_full_one(*arguments: Any) -> Any:
        client.call("CONFIG", "SET", "maxmemory", 1)
        threading.Timer(0.1, client.call, ("CONFIG", "SET", "maxmemory", 0)).start()
        return claim_next_batch(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr("worker.loop.batches.claim_next_batch", take_of_a_full_one)
        worker.round()
    assert stack.job(job_id).batches.done == 1
    assert stack.finish(job_id, worker).status is JobStatus.COMPLETED


def test_cancelling_frees_memory_even_of_a_full_redis(stack: Stack, client: Client) -> None:
    stack.worker()
    job_id = stack.planned(stack.generated())
    try:
        client.call("CONFIG", "SET", "maxmemory", 1)
        assert jobs.end_job(client, job_id, JobStatus.CANCELLED)
    finally:
        client.call("CONFIG", "SET", "maxmemory", 0)
    assert stack.job(job_id).status is JobStatus.CANCELLED


def test_a_redis_that_cannot_be_reached_is_told_in_one_sentence() -> None:
    with pytest.raises(BrokerUnavailable, match="Redis does not answer"):
        BlockingClient("redis://127.0.0.1:1/0", 100).call("PING")


@pytest.mark.parametrize("options", ["?db=x", "?foo=1", "?socket_timeout=abc"])
def test_a_url_with_options_that_cannot_be_is_told_without_its_password(options: str) -> None:
    with pytest.raises(SettingsError, match="AUTOCONNECT_REDIS_URL") as told:
        connect(f"redis://:hush@127.0.0.1:6379{options}")
    assert "hush" not in str(told.value)


def test_after_redis_was_away_nobody_is_judged_for_one_lease(stack: Stack, client: Client) -> None:
    victim, job_id = stack.worker(), stack.planned(stack.generated(rows=10))
    item = stack.handed(victim)
    lease_s = stack.settings.lease_ms / 1_000
    for _ in range(10):  # ticks in time: the orchestrator has seen Redis all along
        stack.orchestrator.round()
    victim.heartbeat.stop()
    client.call("DEL", f"autoconnect:worker:{victim.id}")
    time.sleep(lease_s)  # no tick for a whole lease, as if Redis had not answered
    away_until = time.monotonic()
    stack.orchestrator.round()
    assert batches.claimed_items(client, victim.id) == [item]
    while batches.claimed_items(client, victim.id):
        stack.orchestrator.round()
        assert time.monotonic() < away_until + 10 * lease_s
    assert time.monotonic() >= away_until + lease_s
    assert stack.finish(job_id, stack.worker()).status is JobStatus.COMPLETED


def test_after_a_call_failed_nobody_is_judged_for_one_lease(stack: Stack, client: Client, redis_url: str) -> None:
    """Given leases that ended while Redis refused to write / When it takes writes again"""
    victim, job_id = stack.worker(), stack.planned(stack.generated(rows=10))
    item = stack.handed(victim)
    ticks(stack)
    client.call("CONFIG", "SET", "min-replicas-to-write", 1)
    try:
        victim.heartbeat.stop()
        time.sleep(stack.settings.lease_ms / 1_000)
        with pytest.raises(BrokerUnavailable, match="NOREPLICAS"):
            ticks(stack)
    finally:
        client.call("CONFIG", "SET", "min-replicas-to-write", 0)
    stack.orchestrator.round()
    stack.orchestrator.round()
    assert batches.claimed_items(client, victim.id) == [item]
    while batches.claimed_items(client, victim.id):
        stack.orchestrator.round()
    assert stack.finish(job_id, stack.worker()).status is JobStatus.COMPLETED


def test_a_lease_that_a_clock_set_back_made_long_is_cut_to_a_whole_one(stack: Stack, client: Client) -> None:
    victim, job_id = stack.worker(), stack.planned(stack.generated(rows=10))
    stack.handed(victim)
    victim.heartbeat.stop()
    client.call("PEXPIRE", f"autoconnect:worker:{victim.id}", 3_600_000)
    deadline = time.monotonic() + 10
    while batches.claimed_items(client, victim.id):
        stack.orchestrator.round()
        assert time.monotonic() < deadline
    assert stack.finish(job_id, stack.worker()).status is JobStatus.COMPLETED


def test_a_plan_of_which_redis_has_lost_a_part_is_not_made_visible_but_made_again(
    make_stack: Callable[..., Stack], client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = make_stack(batch_bytes=1_000)
    source = stack.generated(rows=100)
    job_id = stack.submit(source)
    run_script = client.run_script

    def lose(*arguments: Any) -> Any:
        found = run_script(*arguments)
        monkeypatch.setattr(client, "run_script", run_script)
        (staged,) = client.call("KEYS", "*:plan:*")
        assert client.call("PTTL", staged) > 0, "by the step that stages it"
        client.call("DEL", staged)
        return found

    monkeypatch.setattr("autoconnect.broker.jobs._CHUNK", 3)
    generation = jobs.start_plan(client, job_id)
    assert generation
    monkeypatch.setattr(client, "run_script", lose)
    assert not jobs.publish_plan(client, job_id, generation, make_plan(source, stack.settings, 1), "range")
    assert stack.job(job_id).status is JobStatus.PLANNING
    stack.orchestrator.round()
    stack.finish(job_id, stack.worker())
    assert stack.metrics(job_id) == expected_metrics((stack.settings.data_dir / source).read_bytes())


@pytest.mark.parametrize("mapper", ["kernel", "plain"])
def test_a_worker_stops_in_the_middle_of_a_batch_whose_job_is_cancelled(
    make_stack: Callable[..., Stack], monkeypatch: pytest.MonkeyPatch, mapper: str
) -> None:
    monkeypatch.setattr("worker.loop._ASK_S", 0)
    stack = make_stack(batch_bytes=1 << 24, mapper=mapper)
    worker, job_id = stack.worker(), stack.planned(stack.generated(rows=60_000))
    reads = 0

    def cancel_and_count(mapper: Any, claim: batches.Claim, settings: Any, before_block: Callable[[], None]) -> None:
        def count() -> None:
            nonlocal reads
            reads += 1
            jobs.end_job(stack.client, job_id, JobStatus.CANCELLED)
            before_block()

        add_claim(mapper, claim, settings, count)

    monkeypatch.setattr("worker.loop.add_claim", cancel_and_count)
    worker.round()
    assert reads == 1
    worker.round()
    assert batches.claimed_items(stack.client, worker.id) == []
    assert stack.job(job_id).rows.read == 0


def test_what_happens_to_batches_and_jobs_is_counted(stack: Stack, client: Client) -> None:
    victim, job_id = stack.worker(), stack.planned(stack.generated(rows=100))
    claim = stack.claimed(victim)
    item = claim.id
    victim.heartbeat.stop()
    client.call("DEL", f"autoconnect:worker:{victim.id}")
    reap(stack)
    job = stack.finish(job_id, stack.worker())
    assert not results.commit_batches(client, victim.id, [item], map_claim(claim, stack.settings))
    jobs.end_job(client, stack.planned("missing.csv"), JobStatus.CANCELLED)
    jobs.end_job(client, stack.submit("b.csv"), JobStatus.CANCELLED)
    assert queues.counters(client) == {
        "batches_done": job.batches.total,
        "retried": 1,
        "reclaimed": 1,
        "backed_up": 0,
        "discarded": 1,
        "dead": 0,
        "jobs_completed": 1,
        "jobs_failed": 1,
        "jobs_cancelled": 1,
    }


def test_the_ready_list_shrinks_with_the_workers(make_stack: Callable[..., Stack], client: Client) -> None:
    stack = make_stack(batch_bytes=200)
    living, *leaving = (stack.worker() for _ in range(4))
    job_id = stack.planned(stack.generated())
    assert client.call("LLEN", "autoconnect:ready") == 8
    for worker in leaving:
        worker.leave()
    workers.check_leases(client, stack.settings.lease_ms)
    for _ in range(8):
        living.round()
    assert client.call("LLEN", "autoconnect:ready") == 2
    jobs.end_job(client, job_id, JobStatus.CANCELLED)
