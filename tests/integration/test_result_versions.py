"""No answer comes from a result that is gone or replaced, whichever API process gives it."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from autoconnect.broker import jobs, results, staging
from autoconnect.broker.connection import Client, connect
from autoconnect.broker.keys import JobKeys
from autoconnect.models import JobStatus
from tests.chaos.redis_server import RedisServer
from tests.e2e.waiting import wait_until
from tests.integration.stack import HEADER, Serve, Stack
from worker.group import GroupPolicy

GOOD = "TX1,2024-01-31,Paris,vente,Audi A4,100.50,\n"
BAD = "TX2,2024-01-31,Paris,vente,Audi A4,oops,\n"
#: All calls that answer from the published result.
PATHS = ("/metrics/summary", "/query?measures=transactions", "/cities", "/models")
#: Scripts and transactions, as INFO names them.
COUNTED = ("cmdstat_eval", "cmdstat_evalsha", "cmdstat_exec")


class CuttableRedis:
    """A Redis of a test's own that loses its last writes, and what runs on it."""

    def __init__(self, folder: Path, policy: GroupPolicy) -> None:
        self._folder = folder
        self._policy = policy
        self._server = RedisServer(folder / "redis")
        self._stacks: list[Stack] = []
        self._apis = [TestClient(create_app(self.stack().settings)).__enter__() for _ in range(2)]
        self.client = connect(self._server.url)

    def stack(self) -> Stack:
        """New services, since those of before a power cut have lost their connections."""
        self._stacks.append(Stack(connect(self._server.url), self._server.url, self._folder, self._policy))
        return self._stacks[-1]

    def log_bytes(self) -> int:
        return sum(path.stat().st_size for path in self._folder.glob("redis/**/*.aof"))

    def forget_all_since(self, log_bytes: int) -> None:
        """Cut the power, and come back with the first `log_bytes` of the log."""
        self._leave()
        self._server.cut_power(self.log_bytes() - log_bytes)
        self.client = connect(self._server.url)
        for api in self._apis:
            wait_until("Redis", partial(_is_ready, api))

    def complete(self, key: str, rows: int) -> str:
        """Post a job with a number of rows under an idempotency key, to the first API, and run it; returns its id."""
        stack = self.stack()
        stack.write(HEADER + GOOD * rows)
        job_id = str(self.post(key).json()["id"])
        assert stack.finish(job_id, stack.worker()).status is JobStatus.COMPLETED
        return job_id

    def post(self, key: str) -> Any:
        return self._apis[0].post("/api/v1/jobs", json={"source": "source.csv"}, headers={"Idempotency-Key": key})

    def transactions(self, job_id: str | None = None) -> list[int]:
        """The transactions in the answers of both APIs, from each call; the status of an answer that is an error."""
        return [answer for api in self._apis for answer in transactions(api, job_id)]

    def _leave(self) -> None:
        for stack in self._stacks:
            stack.close()
        self._stacks.clear()

    def close(self) -> None:
        self._leave()
        for api in self._apis:
            api.__exit__()
        self._server.stop()


def _is_ready(api: TestClient) -> bool:
    return bool(api.get("/health/ready").status_code == 200)


def transactions(api: TestClient, job_id: str | None = None) -> list[int]:
    summary = f"/metrics/summary?job={job_id}"
    paths = PATHS if job_id is None else (summary, f"{summary}&partial=true")
    return [_transactions(api.get(f"/api/v1{path}")) for path in paths]


def _transactions(answer: Any) -> int:
    if answer.status_code != 200:
        return int(answer.status_code)
    document = answer.json()
    (row,) = document["rows"] if "rows" in document else document["items"]
    return int(row["transactions"])


@pytest.fixture
def redis(tmp_path: Path, policy: GroupPolicy) -> Iterator[CuttableRedis]:
    redis = CuttableRedis(tmp_path, policy)
    yield redis
    redis.close()


@pytest.fixture
def apis(stack: Stack, serve: Serve) -> list[TestClient]:
    """Two APIs on one Redis, with nothing else in common."""
    return [serve(), serve()]


def completed(stack: Stack, rows: int = 1) -> str:
    job_id = stack.planned(stack.write(HEADER + GOOD * rows))
    assert stack.finish(job_id, stack.worker()).status is JobStatus.COMPLETED
    return job_id


def test_a_job_that_a_power_cut_took_is_answered_from_the_file_it_was_posted_again_with(redis: CuttableRedis) -> None:
    """Given a result that both APIs have answered from / When Redis loses its job, and another file comes under its key

    I expect the same id, and in no answer a transaction of the first file.
    """
    before = redis.log_bytes()
    job_id = redis.complete("monthly", rows=10)
    assert set(redis.transactions() + redis.transactions(job_id)) == {10}
    redis.forget_all_since(before)
    assert set(redis.transactions() + redis.transactions(job_id)) == {404}
    assert redis.complete("monthly", rows=777) == job_id
    assert set(redis.transactions() + redis.transactions(job_id)) == {777}


def test_while_a_job_runs_again_after_a_power_cut_it_has_no_result(redis: CuttableRedis) -> None:
    before = redis.log_bytes()
    job_id = redis.complete("monthly", rows=10)
    assert set(redis.transactions(job_id)) == {10}
    redis.forget_all_since(before)
    assert redis.post("monthly").json()["id"] == job_id
    assert redis.transactions(job_id) == [409, 0] * 2
    jobs.end_job(redis.client, job_id, JobStatus.CANCELLED)


def test_after_a_power_cut_the_result_that_was_published_before_is_served(redis: CuttableRedis) -> None:
    redis.complete("first", rows=1)
    before = redis.log_bytes()
    lost = redis.complete("second", rows=2)
    assert set(redis.transactions()) == {2}
    redis.forget_all_since(before)
    assert set(redis.transactions()) == {1}
    assert set(redis.transactions(lost)) == {404}


def test_an_expired_job_is_unknown_to_every_call(stack: Stack, client: Client, apis: list[TestClient]) -> None:
    old, new = completed(stack, 1), completed(stack, 2)
    assert [transactions(api, old) for api in apis] == [[1, 1]] * 2
    keys = JobKeys(old)
    client.call("DEL", keys.job, keys.batches, keys.cube, keys.metrics, keys.rejects)
    assert [transactions(api, old) for api in apis] == [[404, 404]] * 2
    assert [transactions(api, new) for api in apis] == [[2, 2]] * 2


@pytest.mark.parametrize(("how", "word"), [("removed", "removed"), ("expired", "expired")])
def test_a_result_that_is_gone_is_410_and_the_answer_says_why(
    stack: Stack, client: Client, apis: list[TestClient], how: str, word: str
) -> None:
    old, _ = completed(stack, 1), completed(stack, 2)
    assert [transactions(api, old) for api in apis] == [[1, 1]] * 2
    client.call("UNLINK", JobKeys(old).cube)
    if how == "removed":
        client.call("HDEL", JobKeys(old).job, "result", "result_bytes")
        client.call("HSET", JobKeys(old).job, "removed_at", 1)
    assert [transactions(api, old) for api in apis] == [[410, 410]] * 2
    problem = apis[0].get(f"/api/v1/metrics/summary?job={old}").json()
    assert f"The result of job {old} has {word}" in problem["detail"].replace("has been", "has")
    assert apis[0].get(f"/api/v1/jobs/{old}").json()["result"] == how


def test_a_job_that_was_deleted_is_answered_from_the_file_it_was_posted_again_with(
    stack: Stack, apis: list[TestClient]
) -> None:
    def post(rows: int) -> str:
        body, key = {"source": stack.write(HEADER + GOOD * rows)}, {"Idempotency-Key": "monthly"}
        job_id = str(apis[0].post("/api/v1/jobs", json=body, headers=key).json()["id"])
        stack.orchestrator.round()
        assert stack.finish(job_id, stack.worker()).status is JobStatus.COMPLETED
        return job_id

    old = post(rows=1)
    completed(stack, 2)
    assert [transactions(api, old) for api in apis] == [[1, 1]] * 2
    assert apis[0].delete(f"/api/v1/jobs/{old}").status_code == 204
    assert [transactions(api, old) for api in apis] == [[404, 404]] * 2
    assert post(rows=3) == old
    assert [transactions(api, old) for api in apis] == [[3, 3]] * 2
    assert {number for api in apis for number in transactions(api)} == {3}


def test_a_job_that_fails_and_is_retried_is_answered_from_its_new_result(
    stack: Stack, client: Client, apis: list[TestClient]
) -> None:
    job_id = stack.planned(stack.write(HEADER + GOOD + BAD))
    assert stack.finish(job_id, stack.worker()).status is JobStatus.FAILED
    assert [transactions(api, job_id) for api in apis] == [[409, 409]] * 2
    stack = Stack(
        client, stack.settings.needed_redis_url(), stack.settings.data_dir.parent, stack.policy, max_rejected_ratio=1
    )
    assert jobs.retry_job(client, job_id)
    assert stack.finish(job_id, stack.worker()).status is JobStatus.COMPLETED
    assert [transactions(api, job_id) for api in apis] == [[1, 1]] * 2
    stack.close()


def test_a_result_that_is_replaced_while_it_is_read_is_not_answered(
    stack: Stack, client: Client, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given an API that reads a cube / When its job is lost, posted again and completed, I expect the new one"""
    api = serve()
    old = completed(stack, 1)
    completed(stack, 2)
    read_fields = staging.read_fields
    between: list[Callable[[], None]] = [lambda: replace(stack, old, rows=3)]

    def read(*arguments: Any) -> Any:
        fields = read_fields(*arguments)
        if between:
            between.pop()()
        return fields

    monkeypatch.setattr("autoconnect.broker.staging.read_fields", read)
    assert transactions(api, old) == [3, 3]


def replace(stack: Stack, job_id: str, rows: int) -> None:
    """Lose a job, and complete another one of the same id."""
    keys = JobKeys(job_id)
    stack.client.call("DEL", keys.job, keys.batches, keys.cube, keys.metrics, keys.rejects)
    jobs.create_job(stack.client, stack.write(HEADER + GOOD * rows), 600, job_id)
    assert stack.finish(job_id, stack.worker()).status is JobStatus.COMPLETED


def test_a_result_of_an_older_version_of_the_program_can_be_read(
    stack: Stack, client: Client, apis: list[TestClient]
) -> None:
    job_id = completed(stack, 3)
    client.call("HDEL", JobKeys(job_id).job, "result", "result_bytes", "outcome", "publish")
    for api in apis:
        assert set(transactions(api) + transactions(api, job_id)) == {3}
        job = api.get(f"/api/v1/jobs/{job_id}").json()
        assert (job["result"], job["published"]) == ("available", True)
    completed(stack, 4)
    assert [transactions(api, job_id) for api in apis] == [[3, 3]] * 2


def test_a_result_costs_one_call_of_redis_once_its_cube_is_known(
    stack: Stack, admin: Client, apis: list[TestClient]
) -> None:
    job_id = completed(stack)
    api = apis[0]
    for path in ("/metrics/summary", f"/metrics/summary?job={job_id}&partial=true", "/cities"):
        api.get(f"/api/v1{path}")
        before = calls(admin)
        assert api.get(f"/api/v1{path}").status_code == 200
        assert calls(admin) - before == 1


def calls(admin: Client) -> int:
    """How many scripts and transactions Redis has run."""
    stats = admin.call("INFO", "commandstats")
    return sum(int(fields["calls"]) for name, fields in stats.items() if name in COUNTED)


def test_a_metric_whose_table_is_not_kept_is_computed_from_the_cube(stack: Stack, client: Client) -> None:
    job_id = completed(stack, 3)
    stored = stack.metrics(job_id)
    client.call("HDEL", JobKeys(job_id).metrics, "summary", "top-models", "year-over-year")
    assert stack.metrics(job_id) == stored
    client.call("DEL", JobKeys(job_id).metrics)
    assert stack.metrics(job_id) == stored
    client.call("DEL", JobKeys(job_id).cube)
    assert results.read_metric(client, job_id, "summary") is None
    assert results.read_metric(client, "none", "summary") is None


def test_a_cube_of_many_pieces_can_be_read(
    stack: Stack, apis: list[TestClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autoconnect.broker.staging._PIECE_BYTES", 50)
    job_id = completed(stack, 3)
    assert set(transactions(apis[0], job_id)) == {3}
