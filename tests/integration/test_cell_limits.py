"""MAX_CELLS=auto: services say how much memory they have, and a job gets the number of cells that fits all of them."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from redis.connection import AbstractConnection

from aggregator.reduction import Reducer
from api.app import create_app
from autoconnect.broker import jobs, keys, limits, server
from autoconnect.broker.connection import Client
from autoconnect.broker.keys import JobKeys
from autoconnect.core.capacity import NEEDS
from autoconnect.errors import SettingsError
from autoconnect.memory import memory_limit
from autoconnect.models import JobStatus
from autoconnect.settings import load_settings
from tests.e2e.waiting import wait_until
from tests.integration.stack import HEADER, Stack, expected_metrics

MIB = 1 << 20
#: Models of a file whose rows all have cells of their own.
MODELS = 200


def announce(client: Client, cells: int, life_ms: int = 60_000, name: str = "an api") -> None:
    """Announce an API, in a container of its own, that has memory for that many cells."""
    need = NEEDS["api"]
    size = int((need.base + (cells + 1) * need.per_cell) / 0.9)
    text = json.dumps({"service": "api", "bytes": size, "pool": name})
    client.run_script("announce_limit", [*keys.SHARED, keys.LIMITS], [name, text, life_ms])


def limit_of(client: Client, job_id: str) -> int:
    return int(client.call("HGET", JobKeys(job_id).job, "max_cells"))


def many_models(stack: Stack, models: int = MODELS) -> str:
    rows = (f"{number},2024-01-02,Paris,vente,Model {number},1000,\n" for number in range(models))
    return stack.write(HEADER + "".join(rows))


def test_a_job_gets_the_cells_that_fit_the_smallest_memory_known_when_it_is_planned(
    stack: Stack, client: Client
) -> None:
    stack.worker()
    stack.aggregator.round()
    source = stack.generated()
    before = stack.planned(source)
    assert limit_of(client, before) == limits.max_cells(client, "auto")
    announce(client, 30_000)
    after = stack.planned(source)
    assert 30_000 <= limit_of(client, after) <= 30_001 < limit_of(client, before)


def test_the_limit_costs_one_round_trip_however_many_services_there_are(
    make_stack: Callable[..., Stack], client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = make_stack(heartbeat_ms=60_000, lease_ms=300_000)
    for _ in range(3):
        stack.worker()
    announce(client, 30_000)
    announce(client, 40_000, name="another api")
    assert 30_000 <= limits.max_cells(client, "auto") <= 30_001  # Redis has the script now
    sent: list[AbstractConnection] = []
    send: Callable[..., None] = AbstractConnection.send_packed_command

    def count_and_send(connection: AbstractConnection, *arguments: Any, **options: Any) -> None:
        sent.append(connection)
        send(connection, *arguments, **options)

    monkeypatch.setattr(AbstractConnection, "send_packed_command", count_and_send)
    assert 30_000 <= limits.max_cells(client, "auto") <= 30_001
    assert len(sent) == 1


def test_the_memory_of_redis_counts_too(stack: Stack, client: Client, admin: Client) -> None:
    try:
        admin.call("CONFIG", "SET", "maxmemory", 64 * MIB)
        job_id = stack.planned(stack.generated())
        reserved = server.read_memory(client).reserved
    finally:
        admin.call("CONFIG", "SET", "maxmemory", 0)
    assert 0 < limit_of(client, job_id) <= reserved / 27


def test_a_number_that_is_set_wins(make_stack: Callable[..., Stack], client: Client) -> None:
    announce(client, 30_000)
    stack = make_stack(max_cells=70_000)
    job_id = stack.planned(stack.generated())
    stack.aggregator.round()
    assert limit_of(client, job_id) == 70_000


def test_a_service_that_joins_later_lowers_the_limits_of_open_jobs(stack: Stack, client: Client) -> None:
    """Given jobs that were planned before the API started / When it has, I expect them to fit its memory, too"""
    job_id = stack.planned(stack.generated())
    announce(client, 30_000)
    stack.aggregator.round()
    assert 30_000 <= limit_of(client, job_id) <= 30_001
    announce(client, 500_000)
    stack.aggregator.round()
    assert limit_of(client, job_id) <= 30_001


def test_an_announcement_ends(stack: Stack, client: Client) -> None:
    announce(client, 20_000, life_ms=0, name="gone")
    announce(client, 30_000)
    assert 30_000 <= limit_of(client, stack.planned(stack.generated())) <= 30_001
    assert client.call("HLEN", keys.LIMITS) == 1
    assert 0 < client.call("PTTL", keys.LIMITS) <= limits.LIFE_MS


def test_a_full_redis_takes_announcements(stack: Stack, client: Client, admin: Client) -> None:
    job_id = stack.planned(stack.generated())
    try:
        admin.call("CONFIG", "SET", "maxmemory", 1)
        announce(client, 30_000)
        assert limits.lower_max_cells(client, job_id, 20_000)
    finally:
        admin.call("CONFIG", "SET", "maxmemory", 0)
    assert limit_of(client, job_id) == 20_000


def test_the_aggregator_says_how_much_memory_it_has_until_it_ends(stack: Stack, client: Client) -> None:
    stack.aggregator.round()
    assert client.call("HLEN", keys.LIMITS) == 1
    stack.aggregator.leave()
    assert client.call("HLEN", keys.LIMITS) == 0


def test_the_api_says_how_much_memory_it_has_while_it_serves(stack: Stack, client: Client) -> None:
    with TestClient(create_app(stack.settings)):
        wait_until("the announcement", lambda: client.call("HLEN", keys.LIMITS) == 1, poll_s=0.01)
        (text,) = client.call("HGETALL", keys.LIMITS).values()
        announced = json.loads(text.decode().partition(" ")[2])
        limit = memory_limit()
        assert announced == {"service": "api", "bytes": limit.bytes, "pool": limit.pool}
    assert client.call("HLEN", keys.LIMITS) == 0


@pytest.mark.parametrize("value", ["0", "-5", "1.5", "many"])
def test_a_wrong_number_of_cells_stops_every_process(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOCONNECT_MAX_CELLS", value)
    with pytest.raises(SettingsError, match=f"AUTOCONNECT_MAX_CELLS is '{value}'.* a whole number above 0, or auto"):
        load_settings()


@pytest.mark.parametrize("where", ["commit", "mapping"])
def test_a_worker_holds_a_job_to_its_own_limit(
    where: str, make_stack: Callable[..., Stack], client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.loop._COUNT_S", 0.0 if where == "mapping" else 60.0)
    monkeypatch.setattr("autoconnect.core.kernel.mapper.BLOCK_BYTES", 1 << 10)
    stack = make_stack(batch_bytes=1 << 20)
    worker, job_id = stack.worker(), stack.planned(many_models(stack))
    assert limits.lower_max_cells(client, job_id, 50)
    job = stack.finish(job_id, worker)
    assert job.status is JobStatus.FAILED
    assert job.error
    assert "more than 50 combinations" in job.error
    assert f"is model, with {MODELS}." in job.error or where == "mapping"


def test_the_aggregator_holds_a_job_to_its_limit_while_it_adds_partials(stack: Stack, client: Client) -> None:
    worker, job_id = stack.worker(), stack.planned(many_models(stack))
    assert limits.lower_max_cells(client, job_id, 100)  # more than a batch has
    job = stack.finish(job_id, worker)
    assert job.error
    assert "more than 100 combinations" in job.error


def test_a_reducer_keeps_the_sums_of_as_many_jobs_as_it_has_memory_for(
    stack: Stack, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given five open jobs / I expect few of their sums to be kept, and every job to end with its result"""
    monkeypatch.setattr("aggregator.reduction._KEPT_CELLS", 50)
    worker, reducer = stack.worker(), Reducer(client, stack.settings)
    sources = {
        stack.planned(name): name for name in (stack.generated(seed=seed, name=f"{seed}.csv") for seed in range(5))
    }
    for _ in range(2):
        for _ in sources:
            worker.round()
        for job_id in sources:
            reducer.reduce(job_id)
        *others, _ = reducer._sums.values()
        assert sum(len(total.partial.cube) for total in others) <= 50
    for job_id, source in sources.items():
        assert stack.finish(job_id, worker).status is JobStatus.COMPLETED
        assert stack.metrics(job_id) == expected_metrics((stack.settings.data_dir / source).read_bytes())


def test_after_a_limit_is_raised_a_retry_is_not_held_to_the_old_one(
    make_stack: Callable[..., Stack], client: Client
) -> None:
    low, high = make_stack(max_cells=50), make_stack(max_cells=MODELS)
    source = many_models(low)
    job_id = low.planned(source)
    assert low.finish(job_id, low.worker()).status is JobStatus.FAILED
    assert jobs.retry_job(client, job_id)
    assert high.finish(job_id, high.worker()).status is JobStatus.COMPLETED
    assert high.metrics(job_id) == expected_metrics((high.settings.data_dir / source).read_bytes())
