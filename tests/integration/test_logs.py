"""What operators read: a line for each change through the API, for each failed job, and for the start of the API."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

import autoconnect
from autoconnect.broker import batches, jobs, keys, reducers, waits, workers
from autoconnect.broker.connection import Client
from autoconnect.broker.reducers import Judgement
from autoconnect.models import JobStatus
from tests.integration.api_server import ApiServer, api_server
from tests.integration.stack import Serve, Stack

ID = "an-id.of_the-client"
Line = dict[str, Any]


@pytest.fixture
def api(stack: Stack, tmp_path: Path) -> Iterator[ApiServer]:
    """An API without keys that logs as in a container."""
    with api_server(tmp_path, stack.settings.needed_redis_url(), LOG_FORMAT="json") as server:
        yield server


def change(api: ApiServer, method: str, path: str, body: bytes = b"") -> int:
    """Ask the API for a change; returns the status."""
    media_type = "text/csv" if method == "PUT" else "application/json"
    head = f"{method} /api/v1{path} HTTP/1.1\r\nHost: localhost\r\nX-Request-ID: {ID}\r\nConnection: close\r\n"
    return api.ask(f"{head}Content-Type: {media_type}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body).status


def lines_of(api: ApiServer) -> list[Line]:
    """All that the API has logged until it ended."""
    api.process.terminate()
    api.process.wait()
    return [json.loads(line) for line in api.messages.read_text().splitlines()]


def test_each_change_is_one_line_with_who_what_and_how_it_ended(stack: Stack, api: ApiServer) -> None:
    assert change(api, "PUT", "/sources/june.csv", b"a,b\n1,2\n") == 201
    assert change(api, "POST", "/jobs", b'{"source": "june.csv"}') == 202
    ((_, job),) = jobs.list_jobs(stack.client)
    assert change(api, "POST", f"/jobs/{job.id}/retry") == 409
    assert change(api, "DELETE", f"/jobs/{job.id}") == 200
    assert change(api, "DELETE", "/jobs/none") == 404
    assert change(api, "DELETE", "/sources/june.csv") == 204
    assert change(api, "POST", "/nothing") == 404
    assert api.get("/api/v1/jobs").status == 200
    lines = [line for line in lines_of(api) if line["event"] == "change"]
    told = [(line["operation"], line.get("job"), line.get("source"), line["status"]) for line in lines]
    assert told == [
        ("put_source", None, "june.csv", 201),
        ("submit_job", job.id, "june.csv", 202),
        ("retry_job", job.id, "june.csv", 409),
        ("delete_job", job.id, "june.csv", 200),
        ("delete_job", "none", None, 404),
        ("delete_source", None, "june.csv", 204),
    ]
    assert {(line["who"], line["request_id"], line["service"], line["level"]) for line in lines} == {
        ("127.0.0.1", ID, "api", "info")
    }
    assert all(0 <= line["ms"] < 60_000 for line in lines)


def test_a_change_that_redis_does_not_take_is_logged_with_its_status(tmp_path: Path) -> None:
    with api_server(tmp_path, "redis://127.0.0.1:1/0", LOG_FORMAT="json") as api:
        assert change(api, "DELETE", "/jobs/x") == 503
        (line,) = [line for line in lines_of(api) if line["event"] == "change"]
    assert (line["operation"], line["job"], line["status"]) == ("delete_job", "x", 503)


def test_reads_are_quiet_and_the_start_says_where_and_which_version(api: ApiServer) -> None:
    assert api.get("/api/v1/jobs").status == api.get("/metrics").status == 200
    (line,) = [line for line in lines_of(api) if line["logger" if "logger" in line else "event"] != "uvicorn.error"]
    told = {name: value for name, value in line.items() if name != "timestamp"}
    assert told == {
        "service": "api",
        "event": "API ready",
        "url": api.url,
        "version": autoconnect.__version__,
        "level": "info",
    }


def test_an_unexpected_error_is_logged_with_the_id_of_its_request(
    serve: Serve, capfd: pytest.CaptureFixture[str]
) -> None:
    api = serve()
    assert isinstance(api.app, FastAPI)
    del api.app.state.folders
    assert api.get("/api/v1/sources", headers={"X-Request-ID": ID}).status_code == 500
    out = capfd.readouterr()
    assert f"request_id={ID}" in out.out + out.err


def failures(lines: list[Any]) -> list[Line]:
    return [line for line in lines if line["event"] == "job failed"]


def check(stack: Stack, job_id: str, lines: list[Any]) -> None:
    """The job has failed, and one warning says so with its sentence."""
    error = stack.job(job_id).error
    assert stack.job(job_id).status is JobStatus.FAILED
    assert error
    assert failures(lines) == [{"event": "job failed", "log_level": "warning", "job": job_id, "error": error}]


def test_a_job_that_cannot_be_planned_is_logged_once(stack: Stack) -> None:
    with capture_logs() as lines:
        job_id = stack.planned("nowhere.csv")
        stack.orchestrator.round()
    check(stack, job_id, lines)


def test_a_job_with_too_many_rejects_is_logged_once(stack: Stack) -> None:
    with capture_logs() as lines:
        job_id = stack.submit(stack.write("".join(["transaction_id,date,ville,type,modele,prix\n", *["x\n"] * 20])))
        stack.finish(job_id, stack.worker())
    check(stack, job_id, lines)


def test_a_batch_that_fails_too_often_is_logged_once(stack: Stack, client: Client) -> None:
    job_id, worker = stack.planned(stack.generated()), stack.worker()
    item = stack.claimed(worker).id
    with capture_logs() as lines:
        for _ in range(2):
            batches.give_back_batch(client, worker.id, item, max_attempts=1, reason="no luck")
    check(stack, job_id, lines)


def test_a_batch_that_cannot_end_well_is_logged_once(stack: Stack, client: Client) -> None:
    job_id, worker = stack.planned(stack.generated()), stack.worker()
    item = stack.claimed(worker).id
    with capture_logs() as lines:
        assert batches.fail_batch(client, worker.id, item, "the source changed")
        assert not batches.fail_batch(client, worker.id, item, "the source changed")
    check(stack, job_id, lines)


def test_a_batch_that_kills_its_workers_is_logged_once(stack: Stack, client: Client) -> None:
    job_id, worker = stack.planned(stack.generated()), stack.worker()
    stack.claimed(worker)
    worker.heartbeat.stop()
    client.call("DEL", keys.heartbeat(worker.id))
    with capture_logs() as lines:
        for _ in range(2):
            workers.reap(client, max_deaths=1)
    check(stack, job_id, lines)


def test_a_job_that_kills_its_reducers_is_logged_once(stack: Stack, client: Client) -> None:
    job_id = stack.planned(stack.generated())
    judgement = Judgement(may_judge=True, max_deaths=1)
    assert reducers.begin_reduction(client, job_id, "a reducer", 60_000, judgement)
    client.call("DEL", keys.reducer("a reducer"))
    with capture_logs() as lines:
        for _ in range(2):
            assert reducers.begin_reduction(client, job_id, "another", 60_000, judgement) is None
    check(stack, job_id, lines)
    client.call("DEL", keys.reducer("another"))


def test_a_job_that_gives_way_to_others_is_logged_once_and_a_cancelled_one_is_not(stack: Stack, client: Client) -> None:
    job_id, cancelled = stack.submit("a.csv"), stack.submit("b.csv")
    with capture_logs() as lines:
        for _ in range(2):
            waits.fail_for_memory(client, job_id, "no memory")
        assert jobs.end_job(client, cancelled, JobStatus.CANCELLED)
        assert not jobs.end_job(client, cancelled, JobStatus.FAILED, "too late")
    check(stack, job_id, lines)
