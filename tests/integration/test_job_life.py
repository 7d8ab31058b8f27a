"""The life of a job after its end: published, removed on request, or removed because newer ones are kept."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from fastapi.testclient import TestClient

from autoconnect.broker import jobs, keys, results
from autoconnect.broker.connection import Client
from autoconnect.broker.keys import JobKeys
from autoconnect.client import AutoConnect
from autoconnect.errors import AutoConnectError, BrokerFull, TooManyJobs
from autoconnect.models import JobStatus, ResultState
from tests.integration.faults import run_ticks
from tests.integration.stack import HEADER, Serve, Stack

GOOD = "TX1,2024-01-31,Paris,vente,Audi A4,100.50,\n"
BAD = "TX2,2024-01-31,Paris,vente,Audi A4,oops,\n"
TTL_MS = 600_000


@pytest.fixture
def api(serve: Serve) -> TestClient:
    return serve()


def completed(stack: Stack, text: str = HEADER + GOOD, *, may_publish: bool = True) -> str:
    job_id = jobs.create_job(stack.client, stack.write(text), 600, may_publish=may_publish)
    stack.orchestrator.round()
    assert stack.finish(job_id, stack.worker()).status is JobStatus.COMPLETED
    return job_id


def failed(stack: Stack) -> str:
    job_id = stack.planned("missing.csv")
    assert stack.job(job_id).status is JobStatus.FAILED
    return job_id


def keys_of(admin: Client, job_id: str) -> list[str]:
    return sorted(name.decode() for name in admin.call("KEYS", f"*{job_id}*"))


def listed(client: Client) -> list[str]:
    return [job.id for _, job in jobs.list_jobs(client)]


def entries(client: Client) -> int:
    """The number of entries in all indexes of jobs that are not open."""
    return sum(client.call("ZCARD", index) for index in (keys.JOBS, keys.ENDED, keys.RESULTS, keys.RETAINED))


def is_lasting(client: Client, job_id: str) -> bool:
    names = (JobKeys(job_id).job, JobKeys(job_id).batches, JobKeys(job_id).cube, JobKeys(job_id).metrics)
    lives_ms = {client.call("PTTL", name) for name in names} - {-2}  # a source without rows has no batches
    assert lives_ms == {-1} or all(0 < life_ms <= TTL_MS for life_ms in lives_ms)
    return lives_ms == {-1}


@contextmanager
def full(admin: Client) -> Iterator[None]:
    """A Redis that refuses everything that needs memory."""
    admin.call("CONFIG", "SET", "maxmemory", 1)
    try:
        yield
    finally:
        admin.call("CONFIG", "SET", "maxmemory", 0)


# Deleting


def test_deleting_an_ended_job_removes_it_with_all_its_keys(
    stack: Stack, client: Client, admin: Client, api: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancelled = stack.submit("source.csv")
    jobs.end_job(client, cancelled, JobStatus.CANCELLED)
    old, published = completed(stack, HEADER + GOOD * 20 + BAD), completed(stack)
    client.call("RPUSH", JobKeys(old).waiting, "x")
    client.call("HSET", JobKeys(old).lines, "x", "y")
    client.call("SADD", JobKeys(old).partials, JobKeys(old).partial("x"))
    client.call("HSET", JobKeys(old).partial("x"), "x", "y")
    assert len(keys_of(admin, old)) == 10
    for job_id in (cancelled, failed(stack), old):
        deleted = api.delete(f"/api/v1/jobs/{job_id}")
        assert (deleted.status_code, deleted.content) == (204, b"")
        assert keys_of(admin, job_id) == []
        for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/rejects"), ("POST", "/publish")):
            assert api.request(method, f"/api/v1/jobs/{job_id}{path}").status_code == 404
        assert api.get("/api/v1/metrics/summary", params={"job": job_id}).status_code == 404
    assert listed(client) == [published]
    assert entries(client) == 3


def test_deleting_an_open_job_cancels_it_and_deleting_it_again_removes_it(stack: Stack, api: TestClient) -> None:
    job_id = stack.planned(stack.generated())
    cancelled = api.delete(f"/api/v1/jobs/{job_id}")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert api.delete(f"/api/v1/jobs/{job_id}").status_code == 204
    assert api.delete(f"/api/v1/jobs/{job_id}").status_code == 404


def test_the_published_job_is_not_deleted_and_the_answer_says_what_to_do(stack: Stack, api: TestClient) -> None:
    old, published = completed(stack), completed(stack)
    refused = api.delete(f"/api/v1/jobs/{published}")
    assert (refused.status_code, refused.json()["job_status"]) == (409, "completed")
    assert "publish that of another job before you delete this one" in refused.json()["detail"]
    assert api.get("/api/v1/metrics/summary").json()["job_id"] == published
    assert api.post(f"/api/v1/jobs/{old}/publish").status_code == 200
    assert api.delete(f"/api/v1/jobs/{published}").status_code == 204
    assert api.get("/api/v1/metrics/summary").json()["job_id"] == old


@pytest.mark.parametrize(("may_publish", "status"), [(True, 409), (False, 204)])
def test_a_job_that_completes_while_it_is_deleted_is_deleted_as_an_ended_one(
    stack: Stack, api: TestClient, monkeypatch: pytest.MonkeyPatch, may_publish: bool, status: int
) -> None:
    job_id = jobs.create_job(stack.client, stack.write(HEADER + GOOD), 600, may_publish=may_publish)
    end_job = jobs.end_job

    def complete_and_end(*arguments: Any) -> bool:
        stack.orchestrator.round()
        stack.finish(job_id, stack.worker())
        return end_job(*arguments)

    monkeypatch.setattr("api.routes.jobs.jobs.end_job", complete_and_end)
    assert api.delete(f"/api/v1/jobs/{job_id}").status_code == status


def test_a_job_that_is_deleted_while_it_is_reduced_leaves_nothing(
    stack: Stack, client: Client, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id, worker = stack.planned(stack.generated(rows=20)), stack.worker()
    while stack.job(job_id).status is JobStatus.RUNNING:
        worker.round()
    finish_job = results.finish_job

    def remove_and_finish(*arguments: Any) -> bool:
        assert jobs.end_job(client, job_id, JobStatus.CANCELLED)
        assert jobs.remove_job(client, job_id)
        assert not finish_job(*arguments)
        return False

    monkeypatch.setattr("aggregator.reduction.results.finish_job", remove_and_finish)
    stack.aggregator.round()
    assert keys_of(admin, job_id) == []
    assert results.published_job(client) is None


def test_a_worker_of_a_job_that_was_deleted_leaves_nothing(stack: Stack, client: Client, admin: Client) -> None:
    job_id, worker = stack.planned(stack.generated()), stack.worker()
    stack.claimed(worker)
    assert jobs.end_job(client, job_id, JobStatus.CANCELLED)
    assert jobs.remove_job(client, job_id)
    for _ in range(3):
        worker.round()
    run_ticks(stack)
    assert keys_of(admin, job_id) == []


def test_the_python_client_cancels_open_jobs_only_and_deletes_ended_jobs_only(
    stack: Stack, api: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = AutoConnect.over(api)
    old, published = completed(stack), completed(stack)
    open_job, ending = stack.submit("source.csv"), stack.submit("source.csv")
    with pytest.raises(AutoConnectError, match=f"Job {old} has already ended: it is completed"):
        calls.cancel(old)
    with pytest.raises(AutoConnectError, match=f"Job {open_job} is queued; cancel it before you delete it"):
        calls.delete(open_job)
    assert calls.cancel(open_job).status is JobStatus.CANCELLED
    before = calls.job(ending)
    jobs.end_job(stack.client, ending, JobStatus.CANCELLED)
    with monkeypatch.context() as patch:
        patch.setattr(calls, "job", lambda job_id: before)
        with pytest.raises(AutoConnectError, match=f"Job {ending} ended before it could be cancelled"):
            calls.cancel(ending)
    with pytest.raises(AutoConnectError, match="has the published result"):
        calls.delete(published)
    assert calls.publish(old).published
    calls.delete(published)
    with pytest.raises(AutoConnectError, match=f"There is no job {published}"):
        calls.job(published)


# Publishing


def test_an_older_result_is_published_and_lasts_while_the_other_gets_its_life_time_back(
    stack: Stack, client: Client, api: TestClient
) -> None:
    old, new = completed(stack), completed(stack, HEADER + GOOD * 2)
    assert (is_lasting(client, old), is_lasting(client, new)) == (False, True)
    published = api.post(f"/api/v1/jobs/{old}/publish")
    assert (published.status_code, published.json()["id"], published.json()["published"]) == (200, old, True)
    assert api.get(f"/api/v1/jobs/{new}").json()["published"] is False
    assert (is_lasting(client, old), is_lasting(client, new)) == (True, False)
    assert api.get("/api/v1/cities").json()["items"] == [{"city": "Paris", "transactions": 1, "spellings": {}}]
    assert api.post(f"/api/v1/jobs/{old}/publish").status_code == 200
    assert is_lasting(client, old)


def test_a_job_that_existed_when_another_was_published_does_not_replace_it_and_a_later_one_does(
    stack: Stack, client: Client, api: TestClient
) -> None:
    source = stack.write(HEADER + GOOD)
    old = completed(stack)
    completed(stack)
    waiting = stack.submit(source)
    assert api.post(f"/api/v1/jobs/{old}/publish").status_code == 200
    stack.orchestrator.round()
    assert stack.finish(waiting, stack.worker()).status is JobStatus.COMPLETED
    assert results.published_job(client) == old
    assert not is_lasting(client, waiting)
    later = completed(stack)
    assert results.published_job(client) == later
    assert not is_lasting(client, old)


def test_a_job_that_must_not_be_published_is_published_on_request_only(stack: Stack, api: TestClient) -> None:
    source = stack.write(HEADER + GOOD)
    ids = []
    for body in ({"source": source, "publish": True}, {"source": source, "publish": False}, {"source": source}):
        ids.append(api.post("/api/v1/jobs", json=body).json()["id"])
        stack.orchestrator.round()
        stack.finish(ids[-1], stack.worker())
        served = api.get("/api/v1/metrics/summary").json()["job_id"]
        assert served == (ids[0] if body.get("publish") is False else ids[-1])
    assert api.get("/api/v1/metrics/summary", params={"job": ids[1]}).status_code == 200
    assert api.post(f"/api/v1/jobs/{ids[1]}/publish").json()["published"] is True
    assert api.post("/api/v1/jobs", json={"publish": "yes"}).status_code == 422


def test_a_job_without_an_accepted_row_is_not_published_by_itself(
    make_stack: Callable[..., Stack], client: Client, serve: Serve
) -> None:
    stack, api = make_stack(max_rejected_ratio=1), serve()
    empty = completed(stack, HEADER)
    nothing = api.get("/api/v1/metrics/summary")
    assert (nothing.status_code, nothing.headers["retry-after"]) == (404, "2")
    good = completed(stack)
    for text in (HEADER, HEADER + BAD * 3):
        job_id = completed(stack, text)
        assert results.published_job(client) == good
        assert not is_lasting(client, job_id)
    refused = api.post(f"/api/v1/jobs/{empty}/publish")
    assert (refused.status_code, refused.json()["job_status"]) == (409, "completed")
    assert "accepted no row" in refused.json()["detail"]
    assert api.get("/api/v1/metrics/summary").json()["job_id"] == good


def test_only_a_completed_job_whose_result_is_there_can_be_published(
    stack: Stack, client: Client, api: TestClient
) -> None:
    open_job, bad = stack.submit("source.csv"), failed(stack)
    gone, _ = completed(stack), completed(stack)
    client.call("UNLINK", JobKeys(gone).cube)
    expected = {open_job: (409, "failed"), bad: (409, "failed"), gone: (410, None), "none": (404, None)}
    expected[open_job] = (409, stack.job(open_job).status.value)
    for job_id, (status, job_status) in expected.items():
        refused = api.post(f"/api/v1/jobs/{job_id}/publish")
        assert (refused.status_code, refused.json().get("job_status")) == (status, job_status)
        assert refused.headers["content-type"] == "application/problem+json"


def test_a_job_that_completes_while_it_is_published_is_published(
    stack: Stack, api: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = jobs.create_job(stack.client, stack.write(HEADER + GOOD), 600, may_publish=False)
    publish_job = jobs.publish_job
    pending = [True]

    def publish_and_complete(*arguments: Any) -> bool:
        published = publish_job(*arguments)
        if pending:
            pending.pop()
            stack.orchestrator.round()
            stack.finish(job_id, stack.worker())
        return published

    monkeypatch.setattr("api.routes.jobs.jobs.publish_job", publish_and_complete)
    published = api.post(f"/api/v1/jobs/{job_id}/publish")
    assert (published.status_code, published.json()["published"]) == (200, True)


def test_a_job_of_an_older_version_of_the_program_is_published_and_replaced(stack: Stack, client: Client) -> None:
    job_id = stack.planned(stack.write(HEADER + GOOD))
    client.call("HDEL", JobKeys(job_id).job, "publish")
    stack.finish(job_id, stack.worker())
    assert results.published_job(client) == job_id
    client.call("HDEL", JobKeys(job_id).job, "result", "outcome")
    completed(stack)
    assert jobs.publish_job(client, job_id)


def test_if_the_published_job_was_lost_its_keys_do_not_last_when_another_replaces_it(
    stack: Stack, client: Client, admin: Client
) -> None:
    lost = completed(stack)
    client.call("DEL", JobKeys(lost).job)
    completed(stack)
    assert keys_of(admin, lost) in ([], [JobKeys(lost).events])


# The state of a result


def test_a_job_says_whether_it_has_a_result_and_whether_that_is_published(
    stack: Stack, client: Client, api: TestClient
) -> None:
    job_id = stack.planned(stack.write(HEADER + GOOD))
    assert (stack.job(job_id).result, stack.job(job_id).published) == (None, False)
    stack.finish(job_id, stack.worker())
    completed(stack)
    assert (stack.job(job_id).result, stack.job(job_id).published) == (ResultState.AVAILABLE, False)
    client.call("UNLINK", JobKeys(job_id).cube)
    assert stack.job(job_id).result is ResultState.EXPIRED
    client.call("HSET", JobKeys(job_id).job, "removed_at", 1)
    assert stack.job(job_id).result is ResultState.REMOVED
    assert stack.job(failed(stack)).result is None
    client.call("HSET", JobKeys(job_id).job, "waits_for", "memory")
    assert api.get(f"/api/v1/jobs/{job_id}").json()["waits_for"] == "memory"
    states = [(job["result"], job["published"]) for job in api.get("/api/v1/jobs").json()["items"]]
    assert states == [(None, False), ("available", True), ("removed", False)]


def test_rejects_that_are_gone_with_the_result_are_410(stack: Stack, client: Client, api: TestClient) -> None:
    without = completed(stack)
    job_id = completed(stack, HEADER + GOOD * 20 + BAD)
    completed(stack)
    for gone in (without, job_id):
        client.call("UNLINK", JobKeys(gone).cube)
    assert len(api.get(f"/api/v1/jobs/{job_id}/rejects").json()["items"]) == 1
    client.call("UNLINK", JobKeys(job_id).rejects)
    for parameters in ({}, {"format": "csv"}):
        refused = api.get(f"/api/v1/jobs/{job_id}/rejects", params=parameters)
        assert (refused.status_code, "has expired" in refused.json()["detail"]) == (410, True)
    assert api.get(f"/api/v1/jobs/{without}/rejects").json()["items"] == []


# How many jobs are kept


def test_the_oldest_ended_jobs_go_first_but_never_the_published_one_or_an_open_one(
    make_stack: Callable[..., Stack], client: Client, admin: Client
) -> None:
    stack = make_stack(keep_jobs=3)
    published = completed(stack)
    ended = [stack.planned("missing.csv") for _ in range(5)]
    open_jobs = [stack.planned(stack.generated()) for _ in range(5)]
    run_ticks(stack)
    assert listed(client) == [*open_jobs[::-1], *ended[:-3:-1], published]
    assert all(keys_of(admin, job_id) == [] for job_id in ended[:3])
    for job_id in open_jobs:
        jobs.end_job(client, job_id, JobStatus.CANCELLED)


def test_with_one_kept_job_the_published_one_stays_until_it_is_replaced(
    make_stack: Callable[..., Stack], client: Client, admin: Client
) -> None:
    stack = make_stack(keep_jobs=1)
    first = completed(stack)
    stack.planned("missing.csv")
    run_ticks(stack)
    assert listed(client) == [first]
    second = completed(stack)
    run_ticks(stack)
    assert listed(client) == [second]
    assert keys_of(admin, first) == []
    assert set(stack.metrics(second)["summary"][0].values())


def test_one_call_removes_a_limited_number_of_jobs(stack: Stack, client: Client) -> None:
    for _ in range(205):
        jobs.end_job(client, stack.submit("source.csv"), JobStatus.CANCELLED)
    assert [jobs.trim_jobs(client, 3, 0)[0] for _ in range(4)] == [100, 100, 2, 0]
    assert len(listed(client)) == 3


def test_no_index_keeps_what_has_expired(stack: Stack, client: Client) -> None:
    """Given hundreds of expired jobs between two that are kept / After ticks, I expect entries of the latter only."""
    kept = [completed(stack)]
    for number in range(250):
        job_id = stack.submit("source.csv")
        jobs.end_job(client, job_id, JobStatus.CANCELLED)
        client.call("ZADD", keys.RESULTS, number, job_id)
        client.call("ZADD", keys.RETAINED, number, job_id)
        client.call("DEL", JobKeys(job_id).job, JobKeys(job_id).events)
    kept.append(completed(stack))
    client.call("UNLINK", JobKeys(kept[0]).cube)  # its result alone has expired
    run_ticks(stack)
    assert client.call("ZRANGE", keys.JOBS, 0, -1) == [JobKeys(job_id).job.encode() for job_id in kept]
    assert client.call("ZRANGE", keys.ENDED, 0, -1) == [job_id.encode() for job_id in kept]
    assert client.call("ZRANGE", keys.RESULTS, 0, -1) == [kept[1].encode()]
    assert client.call("ZRANGE", keys.RETAINED, 0, -1) == []


def test_a_job_created_again_is_not_removed_as_the_ended_one_it_was(
    make_stack: Callable[..., Stack], client: Client
) -> None:
    stack = make_stack(keep_jobs=1)
    for job_id in ("first", "second", "third"):
        jobs.create_job(client, "source.csv", 600, job_id)
        jobs.end_job(client, job_id, JobStatus.CANCELLED)
    client.call("DEL", JobKeys("first").job)
    jobs.create_job(client, "source.csv", 600, "first")
    assert client.call("ZRANGE", keys.ENDED, 0, -1) == [b"second", b"third"]
    client.call("ZADD", keys.ENDED, 0, "first")  # as an older version would leave it
    jobs.trim_jobs(client, stack.settings.keep_jobs, 0)
    jobs.trim_jobs(client, stack.settings.keep_jobs, 0)
    assert listed(client) == ["first", "third"]
    jobs.end_job(client, "first", JobStatus.CANCELLED)


# How many jobs may be open


def test_if_too_many_jobs_are_open_another_is_429_but_one_that_exists_is_answered(serve: Serve, client: Client) -> None:
    api = serve(max_open_jobs=2)
    accepted = [submit(api, key) for key in ("a", "b")]
    refused = submit(api, "c")
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
    assert refused.headers["content-type"] == "application/problem+json"
    assert "2 jobs are open, as many as AUTOCONNECT_MAX_OPEN_JOBS allows" in refused.json()["detail"]
    again = submit(api, "a")
    assert (again.status_code, again.json()["id"]) == (202, accepted[0].json()["id"])
    assert api.delete(f"/api/v1/jobs/{accepted[0].json()['id']}").status_code == 200
    assert submit(api, "c").status_code == 202
    for job_id in jobs.open_jobs(client):
        jobs.end_job(client, job_id, JobStatus.CANCELLED)


def submit(api: TestClient, key: str, source: str = "source.csv") -> Any:
    return api.post("/api/v1/jobs", json={"source": source}, headers={"Idempotency-Key": key})


def test_however_many_are_submitted_at_once_no_more_are_open_than_allowed(client: Client) -> None:
    start = threading.Barrier(8)

    def submit_ten(_: int) -> int:
        start.wait()
        created = 0
        for _ in range(10):
            try:
                jobs.create_job(client, "source.csv", 600, max_open=7)
                created += 1
            except TooManyJobs:
                pass
        return created

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(submit_ten, range(8))) == 7
    assert len(jobs.open_jobs(client)) == 7
    for job_id in jobs.open_jobs(client):
        jobs.end_job(client, job_id, JobStatus.CANCELLED)


def test_if_too_many_jobs_are_open_the_source_of_the_settings_is_not_submitted_and_the_log_says_so(
    make_stack: Callable[..., Stack], client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    stack = make_stack(source="source.csv", max_open_jobs=1)
    stack.generated(rows=10)
    open_job = stack.submit("other.csv")
    stack.orchestrator.round()
    assert listed(client) == [open_job]
    assert "source not submitted" in capsys.readouterr().out


# Texts that a client chooses


@pytest.mark.parametrize("name", ["x" * 256, "é" * 128, "x" * 16_000])
def test_the_name_of_a_source_has_at_most_255_bytes(api: TestClient, client: Client, name: str) -> None:
    length = f"{len(name.encode()):,}"
    refused = api.post("/api/v1/jobs", json={"source": name})
    assert (refused.status_code, refused.headers["content-type"]) == (422, "application/problem+json")
    assert refused.json()["errors"] == [
        {"name": "source", "message": f"source: the name has {length} bytes; expected at most 255."}
    ]
    assert listed(client) == []
    if len(name) < 8_000:  # otherwise the URL is too long
        for method in ("PUT", "DELETE"):
            refused = api.request(method, f"/api/v1/sources/{name}.csv")
            assert (refused.status_code, "expected at most 255" in refused.json()["detail"]) == (422, True)


def test_a_name_of_255_bytes_is_a_source(stack: Stack, api: TestClient) -> None:
    name = f"{'é' * 125}x.csv"
    assert len(name.encode()) == 255
    assert api.put(f"/api/v1/sources/{name}", content=(HEADER + GOOD).encode()).status_code == 201
    job_id = api.post("/api/v1/jobs", json={"source": name}).json()["id"]
    stack.orchestrator.round()
    assert stack.finish(job_id, stack.worker()).status is JobStatus.COMPLETED
    assert api.delete(f"/api/v1/sources/{name}").status_code == 204


def test_long_reasons_are_cut(stack: Stack, client: Client) -> None:
    job_id = stack.submit("source.csv")
    jobs.end_job(client, job_id, JobStatus.FAILED, "é" * 1_000)
    assert stack.job(job_id).error == f"{'é' * 300} ..."


# Calls that are sent again, and a full Redis


@pytest.fixture
def sends_twice(client: Client, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From now on, each script is sent again, as after a lost reply."""
    run_script = Client.run_script

    def run_twice(*arguments: Any) -> Any:
        run_script(*arguments)
        return run_script(*arguments)

    return lambda: monkeypatch.setattr(Client, "run_script", run_twice)


def test_a_call_that_is_sent_again_answers_as_before(
    stack: Stack, client: Client, api: TestClient, sends_twice: Callable[[], None]
) -> None:
    """Given replies that are lost / When each call is sent again, I expect one effect, and the answer of the first."""
    bad, old, _ = failed(stack), completed(stack), completed(stack)
    open_job = stack.submit("source.csv")
    sends_twice()
    assert submit(api, "k").status_code == 202
    cancelled = api.delete(f"/api/v1/jobs/{open_job}")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert stack.job(open_job).status is JobStatus.CANCELLED
    retried = api.post(f"/api/v1/jobs/{bad}/retry")
    assert (retried.status_code, retried.json()["status"]) == (202, "queued")
    assert api.post(f"/api/v1/jobs/{old}/publish").json()["published"] is True
    assert jobs.end_job(client, bad, JobStatus.FAILED, "no luck")
    assert api.delete(f"/api/v1/jobs/{bad}").status_code == 204
    assert len(listed(client)) == 4
    for job_id in jobs.open_jobs(client):
        jobs.end_job(client, job_id, JobStatus.CANCELLED)


def test_a_full_redis_refuses_new_jobs_but_removes_cancels_and_publishes(
    stack: Stack, client: Client, admin: Client, api: TestClient
) -> None:
    bad, old, published = failed(stack), completed(stack), completed(stack)
    open_job = stack.planned(stack.generated())
    with full(admin):
        with pytest.raises(BrokerFull):
            jobs.create_job(client, "source.csv", 600)
        assert submit(api, "k").status_code == 503
        assert api.post(f"/api/v1/jobs/{old}/publish").status_code == 200
        assert api.delete(f"/api/v1/jobs/{published}").status_code == 204
        assert api.delete(f"/api/v1/jobs/{open_job}").json()["status"] == "cancelled"
        assert api.delete(f"/api/v1/jobs/{open_job}").status_code == 204
        assert jobs.trim_jobs(client, 1, 0)[0] == 1
        assert api.get("/api/v1/metrics/summary").status_code == 200
    assert listed(client) == [old]
    assert keys_of(admin, bad) == []


def test_the_published_hash_names_the_keys_that_last(stack: Stack, client: Client) -> None:
    job_id = completed(stack)
    names = JobKeys(job_id)
    lasting = [names.job, names.batches, names.cube, names.metrics, names.rejects]
    assert json.loads(client.call("HGET", keys.PUBLISHED, "keys")) == lasting
