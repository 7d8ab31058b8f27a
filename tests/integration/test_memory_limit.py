"""Redis never uses more memory than its maximum, however near to it services write; what does not fit waits.

Another program fills a server of a test's own up to a number of bytes. Redis records its peak after each command, so no
moment between two samples is missed.
"""

from collections.abc import Callable, Iterator
from functools import partial as bound
from pathlib import Path
from typing import NamedTuple

import pytest

from aggregator.budget import Budget
from autoconnect.broker import freeing, partials, plans, results, server, staging, waits
from autoconnect.broker.connection import connect
from autoconnect.broker.keys import JobKeys
from autoconnect.broker.server import Share
from autoconnect.core.outcome import Limits, reduce
from autoconnect.core.partial import Partial, encode
from autoconnect.errors import BrokerFull
from autoconnect.models import JobStatus, ResultState
from tests.chaos.redis_server import RedisServer
from tests.e2e.waiting import wait_until
from tests.integration.foreign import ForeignKeys
from tests.integration.stack import HEADER, Stack, expected_metrics, map_claim
from tests.integration.test_budget import running
from worker.group import GroupPolicy

KIB, MIB = 1 << 10, 1 << 20
#: Models of what comes in one call, and of what is staged; they take some 20 bytes each.
INLINE, STAGED = 30_000, 90_000


class LimitedRedis:
    """A Redis with little memory, the services on it, and another program that fills it."""

    def __init__(self, folder: Path, policy: GroupPolicy, maximum: int, batch_bytes: int) -> None:
        self._server = RedisServer(folder / "redis")
        self.client = connect(self._server.url)
        self.client.call("CONFIG", "SET", "maxmemory", maximum)
        self._foreign = ForeignKeys(self.client)
        sizes = {"batch_bytes": batch_bytes, "max_cells": 1_000_000}
        patient = {"heartbeat_ms": 500, "lease_ms": 60_000}
        self.stack = Stack(self.client, self._server.url, folder, policy, **sizes, **patient)
        self.maximum = maximum
        extra = 0 if int(self._info("server", "redis_version").split(".")[0]) >= 7 else staging.MAX_ARGUMENT_BYTES
        #: The most bytes that may ever be in use: Redis 6.2 copies a script's arguments once more, for its log.
        self.max_peak = maximum + extra

    def fill(self, used: int) -> None:
        """Fill memory until that many bytes are in use."""
        self.clear()
        self.wait_until_freed()
        self._foreign.fill(used)

    def clear(self) -> None:
        """Free what `fill` has filled."""
        self._foreign.clear()

    def wait_until_freed(self) -> None:
        """Wait until Redis has freed what it frees in the background."""
        wait_until("Redis to free memory", lambda: self._info("memory", "lazyfree_pending_objects") == "0", poll_s=0.01)

    def peak(self) -> int:
        return int(self._info("memory", "used_memory_peak"))

    def received(self) -> int:
        """The bytes that Redis has received from all clients."""
        return int(self._info("stats", "total_net_input_bytes"))

    def close(self) -> None:
        self.stack.close()
        self.client.close()
        self._server.stop()

    def _info(self, section: str, name: str) -> str:
        return str(self.client.call("INFO", section)[name])


@pytest.fixture
def make_limited(tmp_path: Path, policy: GroupPolicy) -> Iterator[Callable[..., LimitedRedis]]:
    """Make servers with a maximum of memory, whose jobs have a single batch by default."""
    made: list[LimitedRedis] = []

    def make(maximum: int, batch_bytes: int = 64 * MIB) -> LimitedRedis:
        made.append(LimitedRedis(tmp_path, policy, maximum, batch_bytes))
        return made[-1]

    yield make
    for limited in made:
        limited.close()


@pytest.fixture
def limited(make_limited: Callable[..., LimitedRedis]) -> LimitedRedis:
    return make_limited(64 * MIB)


class Write(NamedTuple):
    """Something that a service writes for a job: what it does, its bytes, and the share of memory that it may fill."""

    job_id: str
    step: Callable[[], object]
    size: int
    share: Share

    def succeeds(self) -> bool:
        """Whether Redis has room."""
        try:
            return bool(self.step())
        except BrokerFull:
            return False


def size_of(partial: Partial) -> int:
    return staging.size_of(staging.cut(encode(partial)))


def planned(stack: Stack, models: int, name: str = "source.csv") -> str:
    """The id of a job of rows that all have a model of their own."""
    rows = (f"{number},2024-01-02,Paris,vente,M {number**2},{number + 1},\n" for number in range(models))
    return stack.planned(stack.write(HEADER + "".join(rows), name))


def reducing(stack: Stack, models: int) -> tuple[str, list[str], Partial]:
    """A job that has all its partials: its id, their names, and their sum."""
    worker, job_id = stack.worker(), planned(stack, models)
    worker.round()
    assert stack.job(job_id).status is JobStatus.REDUCING
    return job_id, partials.partial_names(stack.client, job_id), partials.read_sum(stack.client, job_id)


def a_partial(stack: Stack, models: int) -> Write:
    worker, job_id = stack.worker(), planned(stack, models)
    claim = stack.claimed(worker)
    partial = map_claim(claim, stack.settings)
    commit = bound(partials.commit_batches, stack.client, worker.id, [claim.id], partial)
    return Write(job_id, commit, size_of(partial), Share.COMMIT)


def a_sum(stack: Stack, models: int) -> Write:
    job_id, names, total = reducing(stack, models)
    compact = bound(partials.compact_partials, stack.client, job_id, names, total)
    return Write(job_id, compact, size_of(total), Share.STAGE)


def a_result(stack: Stack, models: int) -> Write:
    job_id, names, total = reducing(stack, models)
    outcome = reduce([total], plans.read_parts(stack.client, job_id), Limits(1_000_000, 1.0))
    finish = bound(results.finish_job, stack.client, job_id, names, outcome)
    return Write(job_id, finish, size_of(total), Share.STAGE)


Writer = Callable[[Stack, int], Write]


@pytest.mark.parametrize("maximum", [16 * MIB, 64 * MIB], ids=["16 MiB", "64 MiB"])
@pytest.mark.parametrize("models", [INLINE, STAGED], ids=["inline", "staged"])
@pytest.mark.parametrize("writer", [a_partial, a_sum, a_result])
def test_what_is_written_next_to_the_maximum_waits_and_never_passes_it(
    make_limited: Callable[..., LimitedRedis], writer: Writer, models: int, maximum: int
) -> None:
    """Given a Redis that has no room / When another program frees 64 KiB at a time

    I expect refusals that leave nothing, then a write that counts, and a peak below the maximum all the while.
    """
    limited = make_limited(maximum)
    write = writer(limited.stack, models)
    used = server.read_memory(limited.client).fits_below(write.size, write.share) + 128 * KIB
    refusals = 0
    limited.fill(used)
    while not write.succeeds():
        refusals += 1
        assert freeing.staged_keys(limited.client) == []
        limited.fill(used - refusals * 64 * KIB)
    assert refusals
    assert limited.peak() <= limited.max_peak
    limited.clear()
    assert limited.stack.finish(write.job_id).status is JobStatus.COMPLETED
    assert limited.peak() <= limited.max_peak


def test_services_that_write_at_the_same_time_never_pass_the_maximum(
    make_limited: Callable[..., LimitedRedis], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given two workers whose partials are staged, and an aggregator that compacts any two

    When another program leaves just enough memory for them to claim, I expect the job to complete.
    """
    monkeypatch.setattr("worker.loop._FULL_PAUSE_S", 0.01)
    monkeypatch.setattr("aggregator.loop.SMALL_BYTES", 1 << 30)  # no child process
    monkeypatch.setattr(partials, "COMPACT_PARTIALS", 2)
    models = 330_000
    limited = make_limited(64 * MIB, batch_bytes=3_000_000)
    stack = limited.stack
    job_id = planned(stack, models)
    limited.fill(int(limited.maximum * 0.66))
    with running(stack, stack.worker(), stack.worker()):
        wait_until("the end of the job", lambda: stack.job(job_id).status.ended)
    assert stack.job(job_id).status is JobStatus.COMPLETED
    (summary,) = stack.metrics(job_id)["summary"]
    assert (summary["models"], summary["revenue"]) == (models, sum(range(1, models + 1)))
    assert limited.maximum * Share.COMMIT.value < limited.peak() <= limited.max_peak


@pytest.mark.parametrize("models", [5_000, STAGED], ids=["inline", "staged"])
@pytest.mark.parametrize("writer", [a_partial, a_sum, a_result])
def test_services_ask_for_room_before_they_send_anything_large(
    limited: LimitedRedis, writer: Writer, models: int
) -> None:
    """Given a Redis with room for half / I expect a refusal that says what would fit, and no byte of it to be sent"""
    write = writer(limited.stack, models)
    assert write.size > staging.UNASKED_BYTES
    limited.fill(int(limited.maximum * write.share.value) - write.size // 2)
    before = limited.received()
    with pytest.raises(BrokerFull, match="no room") as caught:
        write.step()
    assert limited.received() - before < 5_000
    assert caught.value.fits_below
    assert caught.value.fits_below < server.read_memory(limited.client).used
    assert freeing.staged_keys(limited.client) == []
    limited.clear()
    assert write.succeeds()


def test_a_small_result_waits_for_room_and_is_written_as_soon_as_there_is_some(limited: LimitedRedis) -> None:
    """Given an aggregator whose result comes in one call / When Redis has no room for it, I expect the job to wait"""
    stack = limited.stack
    job_id, _, total = reducing(stack, INLINE)
    assert staging.UNASKED_BYTES < size_of(total) < staging.MAX_ARGUMENT_BYTES
    limited.fill(int(limited.maximum * Share.STAGE.value) - size_of(total) // 2)
    for _ in range(3):
        stack.aggregator.round()
    job = stack.job(job_id)
    assert (job.status, job.waits_for) == (JobStatus.REDUCING, "memory")
    assert list(waits.read_needs(limited.client)) == [job_id]
    limited.clear()
    assert stack.finish(job_id).status is JobStatus.COMPLETED
    assert stack.metrics(job_id) == expected_metrics((stack.settings.data_dir / job.source).read_bytes())
    assert limited.peak() <= limited.max_peak


def many_cities(stack: Stack, cities: int) -> str:
    """The id of a job whose partial takes a seventh more memory than its bytes."""
    rows = (f"{city},2024-01-02,V {city},vente,M,{city + 1},\n" for city in range(cities))
    return stack.planned(stack.write(HEADER + "".join(rows), "cities.csv"))


def test_what_takes_more_memory_than_its_bytes_is_made_room_for(make_limited: Callable[..., LimitedRedis]) -> None:
    """Given a partial of many small fields, and room for its bytes only / I expect the oldest result to make room"""
    limited = make_limited(32 * MIB)
    stack, client = limited.stack, limited.client
    worker, budget = stack.worker(), Budget(client, stack.settings)
    old = [planned(stack, models, f"{models}.csv") for models in (60_000, 100)]
    for job_id in old:
        assert stack.finish(job_id, worker).status is JobStatus.COMPLETED
    job_id = many_cities(stack, 10_000)
    claim = stack.claimed(worker)
    partial = map_claim(claim, stack.settings)
    commit = bound(partials.commit_batches, client, worker.id, [claim.id], partial)
    write = Write(job_id, commit, size_of(partial), Share.COMMIT)
    limited.fill(server.read_memory(client).fits_below(write.size, write.share) - 100 * KIB)
    assert server.read_memory(client).may_claim
    with pytest.raises(BrokerFull) as caught:
        commit()
    waits.Needs(client).report(job_id, caught.value)
    limited.wait_until_freed()
    budget.tick()
    assert [stack.job(each).result for each in old] == [ResultState.REMOVED, ResultState.AVAILABLE]
    wait_until("the buffers of the first attempt to be freed", write.succeeds)
    assert limited.peak() <= limited.max_peak


def test_what_does_not_fit_although_its_bytes_do_asks_for_more_room(limited: LimitedRedis) -> None:
    client, fields = limited.client, {b"city:%d" % number: b"x" * 50 for number in range(40_000)}
    size = staging.size_of(fields)
    limited.fill(server.read_memory(client).fits_below(size, Share.COMMIT) - 200 * KIB)
    used, before = server.read_memory(client).used, limited.received()
    key = JobKeys("no job").staged("a name", f"cube.{size}")
    with pytest.raises(BrokerFull, match="no room") as caught:
        staging.stage_hash(client, key, fields, Share.COMMIT)
    assert limited.received() - before > size // 2
    assert caught.value.fits_below
    assert caught.value.fits_below < used - 500 * KIB
    assert client.call("EXISTS", key) == 0
    assert limited.peak() <= limited.max_peak
