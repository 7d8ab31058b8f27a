"""Submitting a job again under its idempotency key, and retrying it, over REST."""

import shutil
from typing import Any

import pytest
from fastapi.testclient import TestClient

from autoconnect.broker import jobs
from autoconnect.broker.connection import Client
from autoconnect.models import JobStatus
from tests.integration.stack import HEADER, Serve, Stack, expected_metrics

ALL_BAD = HEADER + "TX1,2024-01-01,Paris,vente,BMW X3,oops,\n"


@pytest.fixture
def api(serve: Serve) -> TestClient:
    return serve()


def submit(api: TestClient, key: str, source: str = "source.csv") -> Any:
    return api.post("/api/v1/jobs", json={"source": source}, headers={"Idempotency-Key": key})


def count_jobs(api: TestClient) -> int:
    return len(api.get("/api/v1/jobs").json()["items"])


def test_the_same_key_leads_to_the_same_job_and_another_key_to_another(stack: Stack, api: TestClient) -> None:
    source = stack.generated()
    first, again, other = (
        submit(api, key, source) for key in ("monthly 2024-05", "monthly 2024-05", "monthly 2024-06")
    )
    assert {response.status_code for response in (first, again, other)} == {202}
    assert first.json()["id"] == again.json()["id"] != other.json()["id"]
    assert first.headers["location"] == again.headers["location"]
    assert count_jobs(api) == 2
    for response in (first, other):
        assert stack.finish(response.json()["id"], stack.worker()).status is JobStatus.COMPLETED
    ended = submit(api, "monthly 2024-05", source)
    assert (ended.status_code, ended.json()["status"]) == (202, "completed")


def test_without_a_key_each_call_makes_a_job(api: TestClient, client: Client) -> None:
    for _ in range(2):
        assert api.post("/api/v1/jobs").status_code == 202
    assert count_jobs(api) == 2
    for _, job in list(jobs.list_jobs(client)):
        jobs.end_job(client, job.id, JobStatus.CANCELLED)


def test_a_key_that_was_used_for_another_source_is_refused(api: TestClient, client: Client) -> None:
    first = submit(api, "k", "a.csv").json()
    refused = submit(api, "k", "b.csv")
    assert refused.status_code == 422
    assert "'a.csv'" in refused.json()["detail"]
    assert count_jobs(api) == 1
    jobs.end_job(client, first["id"], JobStatus.CANCELLED)


def test_a_job_that_redis_has_lost_is_made_again_under_its_key(api: TestClient, client: Client, admin: Client) -> None:
    """Given a Redis that came back without its last second / When the client posts again / I expect the same id."""
    first = submit(api, "k").json()
    admin.call("FLUSHALL")
    again = submit(api, "k").json()
    assert (again["id"], again["status"]) == (first["id"], "queued")
    jobs.end_job(client, first["id"], JobStatus.CANCELLED)


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_a_key_that_is_empty_or_too_long_is_422(api: TestClient, key: str) -> None:
    refused = submit(api, key)
    assert (refused.status_code, refused.headers["content-type"]) == (422, "application/problem+json")


def test_a_failed_job_is_retried_over_rest(stack: Stack, api: TestClient) -> None:
    job_id = stack.planned("later.csv")
    assert api.get(f"/api/v1/jobs/{job_id}").json()["status"] == "failed"
    source = stack.generated(name="later.csv")
    retried = api.post(f"/api/v1/jobs/{job_id}/retry")
    assert (retried.status_code, retried.json()["status"], retried.json()["error"]) == (202, "queued", None)
    assert retried.headers["location"] == f"/api/v1/jobs/{job_id}"
    stack.finish(job_id, stack.worker())
    assert stack.metrics(job_id) == expected_metrics((stack.settings.data_dir / source).read_bytes())


def test_a_retry_of_another_file_under_the_same_name_is_refused(stack: Stack, api: TestClient) -> None:
    job_id = stack.planned(stack.write(ALL_BAD))
    assert stack.finish(job_id, stack.worker()).status is JobStatus.FAILED
    stack.generated()
    refused = api.post(f"/api/v1/jobs/{job_id}/retry")
    assert refused.status_code == 409
    assert "no longer the file" in refused.json()["detail"]
    (stack.settings.data_dir / "source.csv").unlink()
    assert api.post(f"/api/v1/jobs/{job_id}/retry").status_code == 409
    assert stack.job(job_id).status is JobStatus.FAILED


def test_a_retry_of_a_file_that_was_replaced_by_one_of_the_same_size_and_time_is_refused(
    stack: Stack, api: TestClient
) -> None:
    job_id = stack.planned(stack.write(ALL_BAD))
    assert stack.finish(job_id, stack.worker()).status is JobStatus.FAILED
    path = stack.settings.data_dir / "source.csv"
    copy = path.with_name("copy.csv")
    shutil.copy2(path, copy)
    copy.replace(path)
    refused = api.post(f"/api/v1/jobs/{job_id}/retry")
    assert (refused.status_code, "no longer the file" in refused.json()["detail"]) == (409, True)


def test_only_a_failed_job_is_retried_over_rest(stack: Stack, api: TestClient) -> None:
    job_id = stack.planned(stack.generated())
    running = api.post(f"/api/v1/jobs/{job_id}/retry")
    assert (running.status_code, running.json()["job_status"]) == (409, "running")
    stack.finish(job_id, stack.worker())
    completed = api.post(f"/api/v1/jobs/{job_id}/retry")
    assert (completed.status_code, completed.json()["job_status"]) == (409, "completed")
    assert api.post("/api/v1/jobs/none/retry").status_code == 404
