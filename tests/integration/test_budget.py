"""Redis' memory as a budget: what is freed, in which order, and which job waits, gives way or fails.

A real server gets little memory, and keys of another program fill what a test does not use.
"""

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from aggregator.budget import Budget
from autoconnect.broker import batches, freeing, jobs, keys, partials, results, server, staging, waits
from autoconnect.broker.connection import Client, connect
from autoconnect.broker.keys import JobKeys
from autoconnect.broker.server import Share
from autoconnect.errors import BrokerFull
from autoconnect.local.embedded import EmbeddedServer
from autoconnect.local.supervisor import launch
from autoconnect.memory import memory_limit
from autoconnect.models import JobStatus, ResultState
from tests.e2e.waiting import wait_until
from tests.integration.foreign import ForeignKeys
from tests.integration.stack import HEADER, Stack
from worker.loop import Worker

MIB = 1 << 20
_SMALL_BUFFERS = 128 << 10


class RedisMemory:
    """The memory of the test's server: how much it may use, and how full it is."""

    def __init__(self, admin: Client) -> None:
        self._admin = admin
        self._foreign = ForeignKeys(admin)

    def limit(self, maximum: int) -> None:
        self._admin.call("CONFIG", "SET", "maxmemory", maximum)

    def fill(self, share: float) -> None:
        """Fill memory up to a share of its maximum."""
        self.clear()
        wait_until("the buffers of large commands to be freed", lambda: self._read().buffers < _SMALL_BUFFERS)
        self._foreign.fill(int(self._read().maximum * share))

    def clear(self) -> None:
        self._foreign.clear()

    def _read(self) -> server.Memory:
        return server.read_memory(self._admin)


@pytest.fixture
def memory(admin: Client) -> Iterator[RedisMemory]:
    memory = RedisMemory(admin)
    memory.limit(16 * MIB)
    yield memory
    memory.clear()
    memory.limit(0)


@pytest.fixture
def budget(stack: Stack) -> Budget:
    return Budget(stack.client, stack.settings)


@pytest.fixture
def no_spikes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory that is short at two ticks is short for good."""
    monkeypatch.setattr("aggregator.shortage._SPIKE_S", 0.001)


def of_models(stack: Stack, models: int) -> str:
    """A source with a number of models, which take some 20 bytes each in Redis."""
    rows = (f"{number},2024-01-02,Paris,vente,M {number**2},{number + 1},\n" for number in range(models))
    return stack.write(HEADER + "".join(rows))


def completed(stack: Stack, worker: Worker, models: int = 300) -> str:
    """The id of a completed job with a number of models."""
    job_id = stack.planned(of_models(stack, models))
    assert stack.finish(job_id, worker).status is JobStatus.COMPLETED
    return job_id


def with_partial(stack: Stack, worker: Worker, seed: int = 1) -> str:
    """The id of a running job that has one partial."""
    job_id = stack.planned(stack.generated(seed=seed, name=f"{seed}.csv"))
    while not partials.partial_names(stack.client, job_id):
        worker.round()
    for open_job in jobs.open_jobs(stack.client):  # workers take batches of all jobs in turn
        compact(stack.client, open_job)
    return job_id


def compact(client: Client, job_id: str) -> None:
    names = partials.partial_names(client, job_id)
    partials.compact_partials(client, job_id, names, partials.read_sum(client, job_id))


def failed_with_partial(stack: Stack, worker: Worker, seed: int = 2) -> str:
    """The id of a failed job that keeps a partial for its retry."""
    job_id = with_partial(stack, worker, seed)
    item = next(item for item in batches.claimed_items(stack.client, worker.id) if item.job == job_id)
    batches.claim_batch(stack.client, worker.id, item)
    batches.give_back_batch(stack.client, worker.id, item, max_attempts=1, reason="a reason")
    assert [job.job_id for job in freeing.retained_jobs(stack.client)] == [job_id]
    return job_id


def orphan(client: Client, size: int = 1_000) -> str:
    """A staged key without a writer."""
    key = JobKeys("no job").staged("a name", f"cube.{size}")
    staging.stage_hash(client, key, staging.cut({b"name": b"x" * size}), Share.STAGE)
    return key


def age(client: Client, key: str) -> None:
    """Let the last piece of a staged key be old."""
    client.call("ZADD", keys.STAGING, 1, key)


def waiting(stack: Stack, *job_ids: str) -> list[str | None]:
    return [stack.job(job_id).waits_for for job_id in job_ids]


def states(stack: Stack, *job_ids: str) -> list[ResultState | None]:
    return [stack.job(job_id).result for job_id in job_ids]


def tick_until(budget: Budget, check: Callable[[], Any], what: str) -> None:
    """Tick until something holds; time passes only between ticks."""

    def tick_and_check() -> bool:
        budget.tick()
        return bool(check())

    wait_until(what, tick_and_check, timeout_s=120, poll_s=0.02)


@contextmanager
def running(stack: Stack, *workers: Worker) -> Iterator[None]:
    """Let all services work at the same time."""
    ended = threading.Event()

    def work(round_: Callable[[], None]) -> None:
        while not ended.is_set():
            with suppress(BrokerFull):
                round_()

    rounds = [stack.orchestrator.round, stack.aggregator.round, *(worker.round for worker in workers)]
    threads = [threading.Thread(target=work, args=(round_,)) for round_ in rounds]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def test_the_oldest_results_beyond_results_bytes_are_removed_but_not_the_published_one(
    make_stack: Callable[..., Stack], client: Client
) -> None:
    stack = make_stack(results_bytes=1)
    worker = stack.worker()
    job_ids = [completed(stack, worker) for _ in range(3)]
    Budget(client, stack.settings).tick()
    assert states(stack, *job_ids) == [ResultState.REMOVED, ResultState.REMOVED, ResultState.AVAILABLE]
    assert client.call("EXISTS", JobKeys(job_ids[0]).cube, JobKeys(job_ids[0]).metrics) == 0
    assert results.published_job(client) == job_ids[2]
    assert [result.job_id for result in freeing.results(client)] == [job_ids[2]]


def test_as_many_of_the_newest_results_stay_as_results_bytes_allow(
    make_stack: Callable[..., Stack], client: Client
) -> None:
    stack = make_stack()
    worker = stack.worker()
    job_ids = [completed(stack, worker) for _ in range(5)]
    size = freeing.results(client)[0].bytes
    budget = Budget(client, stack.settings.model_copy(update={"results_bytes": 2 * size + 100}))
    budget.tick()
    assert states(stack, *job_ids) == [ResultState.REMOVED] * 2 + [ResultState.AVAILABLE] * 3


def test_a_quarter_of_the_memory_is_for_results_by_default(
    stack: Stack, client: Client, memory: RedisMemory, budget: Budget
) -> None:
    worker = stack.worker()
    job_ids = [completed(stack, worker) for _ in range(3)]
    size = freeing.results(client)[0].bytes
    memory.limit(2_000 * size)
    budget.tick()
    assert states(stack, *job_ids) == [ResultState.AVAILABLE] * 3
    for job_id in job_ids:
        client.call("HSET", JobKeys(job_id).job, "result_bytes", 400 * size)
    budget.tick()
    assert states(stack, *job_ids) == [ResultState.REMOVED] + [ResultState.AVAILABLE] * 2


def test_the_rejects_of_a_failed_job_count_as_a_result(make_stack: Callable[..., Stack], client: Client) -> None:
    stack = make_stack(results_bytes=1)
    job_id = stack.planned(stack.write(HEADER + "not,a,row\n" * 50))
    assert stack.finish(job_id, stack.worker()).status is JobStatus.FAILED
    assert len(results.read_rejects(client, job_id, 0, 100).rows) == 50
    Budget(client, stack.settings).tick()
    assert results.read_rejects(client, job_id, 0, 100).rows == []
    assert stack.job(job_id).result is None
    assert jobs.retry_job(client, job_id)


def test_what_a_dead_process_has_staged_is_removed(client: Client, budget: Budget) -> None:
    old, new = orphan(client), JobKeys("no job").staged("another", "cube.1000")
    age(client, old)
    staging.stage_hash(client, new, {b"name": b"x"}, Share.STAGE)
    budget.tick()
    assert client.call("EXISTS", old) == 0
    assert freeing.staged_keys(client) == [new]


def test_under_pressure_partials_kept_for_a_retry_go_first_then_the_oldest_results(
    stack: Stack, client: Client, memory: RedisMemory, budget: Budget
) -> None:
    worker = stack.worker()
    job_ids = [completed(stack, worker) for _ in range(4)]
    failed = failed_with_partial(stack, worker)
    client.call("HSET", JobKeys(job_ids[0]).job, "result_bytes", 2 * MIB)  # its removal is to be enough
    memory.fill(0.77)
    budget.tick()
    assert list(freeing.retained_jobs(client)) == []
    assert states(stack, *job_ids) == [ResultState.REMOVED] + [ResultState.AVAILABLE] * 3
    memory.fill(0.77)
    budget.tick()
    assert states(stack, *job_ids) == [ResultState.REMOVED] * 3 + [ResultState.AVAILABLE]
    assert jobs.retry_job(client, failed)


def test_without_pressure_nothing_is_freed_early(
    stack: Stack, client: Client, memory: RedisMemory, budget: Budget
) -> None:
    worker = stack.worker()
    job_ids = [completed(stack, worker) for _ in range(2)]
    failed = failed_with_partial(stack, worker)
    memory.fill(0.74)
    budget.tick()
    assert states(stack, *job_ids) == [ResultState.AVAILABLE] * 2
    assert [job.job_id for job in freeing.retained_jobs(client)] == [failed]


def test_a_result_that_redis_refuses_in_the_middle_leaves_nothing(
    stack: Stack, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autoconnect.broker.staging.MAX_ARGUMENT_BYTES", 2_000)
    worker, job_id = stack.worker(), stack.planned(stack.generated())

    def refuse(*_: Any) -> None:
        raise BrokerFull("Redis is out of memory and refuses to write.")

    with monkeypatch.context() as patch:
        patch.setattr("autoconnect.broker.results.staging.stage_list", refuse)
        while stack.job(job_id).status is not JobStatus.REDUCING:
            worker.round()
        stack.aggregator.round()
    assert stack.job(job_id).status is JobStatus.REDUCING
    assert freeing.staged_keys(client) == []
    assert stack.finish(job_id, worker).status is JobStatus.COMPLETED


def test_the_scripts_themselves_spare_the_published_result_open_jobs_and_what_counts(
    stack: Stack, client: Client
) -> None:
    worker = stack.worker()
    published = completed(stack, worker)
    running = with_partial(stack, worker)
    name = partials.partial_names(client, running)[0]
    age(client, name)
    assert not freeing.free_result(client, published)
    assert not freeing.free_result(client, running)
    assert not freeing.free_retained(client, running)
    assert not freeing.free_staging(client, name, 0)
    assert states(stack, published) == [ResultState.AVAILABLE]
    assert partials.partial_names(client, running) == [name]
    assert client.call("EXISTS", name) == 1


def test_what_is_being_staged_is_no_pressure(stack: Stack, client: Client, memory: RedisMemory, budget: Budget) -> None:
    """Given memory that is nearly short / When a large sum is staged, I expect all results to stay"""
    worker = stack.worker()
    job_ids = [completed(stack, worker) for _ in range(2)]
    memory.fill(0.72)
    orphan(client, size=MIB)
    memory.fill(0.77)
    assert not server.read_memory(client).may_claim
    budget.tick()
    assert states(stack, *job_ids) == [ResultState.AVAILABLE] * 2
    assert waiting(stack, *job_ids) == [None, None]


@pytest.mark.usefixtures("no_spikes")
def test_the_newest_job_gives_way_while_the_oldest_waits_and_goes_on(
    stack: Stack, client: Client, memory: RedisMemory, budget: Budget
) -> None:
    worker = stack.worker()
    job_ids = [with_partial(stack, worker, seed) for seed in (1, 2, 3)]
    queued = stack.submit(stack.generated(seed=4, name="4.csv"))
    memory.fill(0.80)
    budget.tick()
    assert waiting(stack, *job_ids, queued) == ["memory"] * 4
    tick_until(budget, lambda: stack.job(job_ids[2]).status is JobStatus.FAILED, "the newest job to fail")
    assert [stack.job(job_id).status for job_id in job_ids[:2]] == [JobStatus.RUNNING] * 2
    tick_until(budget, lambda: stack.job(job_ids[1]).status is JobStatus.FAILED, "the next one to fail")
    for _ in range(20):
        budget.tick()
    assert stack.job(job_ids[0]).status is JobStatus.RUNNING

    failed = stack.job(job_ids[2])
    assert failed.error
    assert "gave way to older ones: retry it when they have ended, or raise maxmemory" in failed.error
    assert failed.waits_for is None
    assert client.call("HMGET", JobKeys(failed.id).job, "waits_for", "waits_since") == [None, None]
    assert partials.partial_names(client, failed.id) == []
    memory.clear()
    budget.tick()
    assert waiting(stack, job_ids[0], queued) == [None, None]
    assert client.call("HEXISTS", JobKeys(job_ids[0]).job, "waits_since") == 0
    for job_id in (job_ids[0], queued):
        assert stack.finish(job_id, worker).status is JobStatus.COMPLETED
    assert jobs.retry_job(client, failed.id)
    assert stack.finish(failed.id, worker).status is JobStatus.COMPLETED


def test_no_job_fails_because_of_a_spike(stack: Stack, client: Client, memory: RedisMemory, budget: Budget) -> None:
    worker = stack.worker()
    job_ids = [with_partial(stack, worker, seed) for seed in (1, 2)]
    memory.fill(0.80)
    for _ in range(20):
        budget.tick()
    memory.clear()
    budget.tick()
    assert [stack.job(job_id).status for job_id in job_ids] == [JobStatus.RUNNING] * 2
    assert waiting(stack, *job_ids) == [None, None]


@pytest.mark.usefixtures("no_spikes")
def test_no_job_fails_while_partials_can_be_compacted(
    stack: Stack, client: Client, memory: RedisMemory, budget: Budget
) -> None:
    worker = stack.worker()
    job_ids = [with_partial(stack, worker, seed) for seed in (1, 2)]
    while len(partials.partial_names(client, job_ids[0])) < 2:
        worker.round()
    memory.fill(0.80)
    for _ in range(20):
        budget.tick()
        time.sleep(0.002)
    assert [stack.job(job_id).status for job_id in job_ids] == [JobStatus.RUNNING] * 2
    stack.aggregator.round()
    assert len(partials.partial_names(client, job_ids[0])) == 1
    tick_until(budget, lambda: stack.job(job_ids[1]).status is JobStatus.FAILED, "the newest job to fail")


@pytest.mark.usefixtures("no_spikes")
def test_the_last_job_fails_after_memory_wait_s_and_says_what_to_do(
    make_stack: Callable[..., Stack], client: Client, memory: RedisMemory
) -> None:
    stack = make_stack(memory_wait_s=1)
    budget = Budget(client, stack.settings)
    worker = stack.worker()
    job_id = with_partial(stack, worker)
    memory.fill(0.80)
    budget.tick()
    since = int(client.call("HGET", JobKeys(job_id).job, "waits_since"))
    tick_until(budget, lambda: stack.job(job_id).status.ended, "the end of the wait")
    job = stack.job(job_id)
    assert job.finished_at
    assert job.finished_at.timestamp() * 1_000 - since >= 1_000
    assert job.status is JobStatus.FAILED
    assert job.error
    assert "has waited 1 s for memory in Redis (AUTOCONNECT_MEMORY_WAIT_S)" in job.error
    assert "raise maxmemory of Redis, or remove what other programs keep in it" in job.error
    assert job.waits_for is None


@pytest.mark.usefixtures("no_spikes")
@pytest.mark.parametrize("share", [0.80, 1.10])
def test_jobs_without_partials_fail_after_memory_wait_s_if_another_program_fills_redis(
    share: float, make_stack: Callable[..., Stack], client: Client, memory: RedisMemory
) -> None:
    stack = make_stack(memory_wait_s=1)
    budget = Budget(client, stack.settings)
    queued = [stack.submit("source.csv") for _ in range(3)]
    planned = stack.planned(stack.generated())
    memory.fill(0.80)
    if share > 1:
        memory.limit(12 * MIB)
    budget.tick()
    assert waiting(stack, *queued, planned) == ["memory"] * 4
    tick_until(budget, lambda: jobs.open_jobs(client) == [], "the end of all jobs")
    assert all("for memory in Redis" in str(stack.job(job_id).error) for job_id in (*queued, planned))


def test_a_partial_that_does_not_fit_although_workers_claim_is_made_room_for(
    make_stack: Callable[..., Stack], client: Client, memory: RedisMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given results up to the share that stops claims / When a large partial comes, I expect a result to make room"""
    monkeypatch.setattr("worker.loop._FULL_PAUSE_S", 0.01)
    stack = make_stack(batch_bytes=64 * MIB, results_bytes=64 * MIB, max_cells=1_000_000)
    worker = stack.worker()
    budget = Budget(client, stack.settings)
    memory.limit(0)
    old = [completed(stack, worker, models=50_000) for _ in range(2)]
    job_id = stack.planned(of_models(stack, 135_000))
    memory.limit(16 * MIB)
    memory.fill(0.69)
    ended = threading.Event()

    def work() -> None:
        while not ended.is_set():
            worker.round()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        wait_until("a need", lambda: waits.read_needs(client), poll_s=0.01)
        assert server.read_memory(client).may_claim
        tick_until(budget, lambda: stack.job(job_id).batches.done, "the commit")
        wait_until("no need", lambda: waits.read_needs(client) == {}, poll_s=0.01)
    finally:
        ended.set()
        memory.limit(0)
        thread.join()
    assert states(stack, *old) == [ResultState.REMOVED, ResultState.AVAILABLE]
    assert stack.finish(job_id, worker).status is JobStatus.COMPLETED
    assert stack.job(job_id).rows.accepted == 135_000


def test_a_job_that_needs_more_than_all_memory_fails_at_once_and_its_worker_goes_on(
    make_stack: Callable[..., Stack], client: Client, memory: RedisMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.loop._FULL_PAUSE_S", 0.01)
    stack = make_stack(batch_bytes=64 * MIB, max_cells=1_000_000)
    worker = stack.worker()
    budget = Budget(client, stack.settings)
    job_id = stack.planned(of_models(stack, 230_000))
    maximum = 9 * MIB // 2
    memory.limit(maximum)
    thread = threading.Thread(target=worker.round)
    thread.start()
    tick_until(budget, lambda: stack.job(job_id).status.ended, "the end of the job")
    thread.join(timeout=120)
    assert not thread.is_alive()
    assert f"needs more memory than Redis has ({maximum:,} bytes)" in str(stack.job(job_id).error)
    other = stack.planned(stack.generated(name="other.csv"))
    assert stack.finish(other, worker).status is JobStatus.COMPLETED


def test_lines_that_do_not_fit_hold_up_no_other_job(
    make_stack: Callable[..., Stack], client: Client, memory: RedisMemory
) -> None:
    """Given an inline job whose lines do not fit / When another one comes, I expect it to be planned"""
    stack = make_stack(batch_transport="inline", batch_bytes=64 * MIB)
    stack.worker()
    budget = Budget(client, stack.settings)
    # Random, so that they cannot be compressed.
    rows = (f"{secrets.token_hex(30)},2024-01-02,Paris,vente,X,1,\n" for _ in range(80_000))
    memory.fill(0.72)
    large = stack.planned(stack.write(HEADER + "".join(rows), "large.csv"))
    other = stack.planned(stack.generated())
    assert stack.job(other).batches.total > 0
    assert list(waits.read_needs(client)) == [large]
    budget.tick()
    assert waiting(stack, large, other) == ["memory", None]
    memory.clear()
    stack.orchestrator.round()
    budget.tick()
    assert waits.read_needs(client) == {}
    assert waiting(stack, large) == [None]


def test_the_embedded_server_takes_a_quarter_of_the_memory(tmp_path: Path) -> None:
    embedded = EmbeddedServer(tmp_path)
    process = launch(embedded.command)
    try:
        embedded.wait_until_it_answers(process)
        with closing(connect(embedded.url)) as own:
            assert server.read_memory(own).maximum == memory_limit().bytes // 4
    finally:
        process.terminate()
        process.wait()
        embedded.clean_up()


def test_a_warning_says_once_a_minute_what_waits_and_what_to_do(
    stack: Stack, memory: RedisMemory, budget: Budget
) -> None:
    job_id = stack.submit("source.csv")
    memory.fill(0.80)
    with capture_logs() as lines:
        for _ in range(5):
            budget.tick()
    (warning,) = [line for line in lines if line["event"] == "jobs wait for memory of Redis"]
    assert warning["log_level"] == "warning"
    assert (warning["jobs"], warning["first"]) == (1, [job_id])
    assert warning["maximum_bytes"] == 16 * MIB
    assert warning["used_bytes"] > 12 * MIB
    assert "raise maxmemory" in warning["remedy"]


@pytest.mark.usefixtures("no_spikes")
def test_two_budgets_do_no_harm(stack: Stack, client: Client, memory: RedisMemory, budget: Budget) -> None:
    worker = stack.worker()
    kept, published = completed(stack, worker), completed(stack, worker)
    job_ids = [with_partial(stack, worker, seed) for seed in (1, 2)]
    age(client, orphan(client))
    memory.fill(0.85)

    def tick() -> None:
        for _ in range(50):
            Budget(client, stack.settings).tick()

    with ThreadPoolExecutor() as threads:
        for ticks in [threads.submit(tick) for _ in range(2)]:
            ticks.result()
    assert states(stack, kept, published) == [ResultState.REMOVED, ResultState.AVAILABLE]
    assert [stack.job(job_id).status for job_id in job_ids] == [JobStatus.RUNNING, JobStatus.FAILED]


def test_a_week_of_small_jobs_ends_every_job_and_removes_the_oldest_results(
    make_stack: Callable[..., Stack], client: Client, memory: RedisMemory
) -> None:
    """Given results that together are larger than Redis / I expect all jobs to complete, and old results to be gone"""
    stack = make_stack(batch_bytes=1 << 20, max_cells=1_000_000)
    worker = stack.worker()
    first = completed(stack, worker, models=35_000)
    assert 18 * freeing.results(client)[0].bytes > 8 * MIB
    memory.limit(8 * MIB)
    job_ids = [first]
    with running(stack, worker):
        for _ in range(18):
            job_ids.append(stack.submit("source.csv"))
            wait_until("the end of the job", lambda: jobs.open_jobs(client) == [], poll_s=0.01)
    assert {stack.job(job_id).status for job_id in job_ids} == {JobStatus.COMPLETED}
    found = states(stack, *job_ids)
    assert found[-1] is ResultState.AVAILABLE
    assert set(found[:10]) == {ResultState.REMOVED}
    assert client.call("HEXISTS", JobKeys(first).job, "removed_at") == 1
