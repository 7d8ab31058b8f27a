"""Which result is published: of sequences of jobs that complete in any order, and of calls that publish one of them."""

from itertools import permutations

import pytest
from fastapi.testclient import TestClient
from structlog.testing import capture_logs

from autoconnect.broker import jobs, keys, results
from autoconnect.broker.connection import Client
from autoconnect.broker.keys import JobKeys
from autoconnect.models import JobStatus
from tests.integration.stack import HEADER, Serve, Stack

GOOD = "TX1,2024-01-31,Paris,vente,Audi A4,100.50,\n"
KEY = "a-key-for-these-tests-only"


@pytest.fixture
def source(stack: Stack) -> str:
    return stack.write(HEADER + GOOD)


def finish(stack: Stack, *job_ids: str) -> None:
    stack.orchestrator.round()
    for job_id in job_ids:
        assert stack.finish(job_id, stack.worker()).status is JobStatus.COMPLETED


def finish_as(stack: Stack, source: str, sequence: int) -> str:
    """Run a job to its end as if it had been submitted as the one of this number; returns its id."""
    job_id = stack.submit(source)
    stack.client.call("HSET", JobKeys(job_id).job, "sequence", sequence)
    finish(stack, job_id)
    return job_id


def call_publish(client: Client, job_id: str, call: str) -> int:
    """Publish by the script itself, as a call that is sent again."""
    return int(client.run_script("publish_job", JobKeys(job_id).for_scripts(), [call]))


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_newest_job_is_published_in_whatever_order_jobs_end(
    stack: Stack, client: Client, source: str, order: tuple[int, ...]
) -> None:
    job_ids: dict[int, str] = {}
    for number in order:
        job_ids[number] = finish_as(stack, source, number + 1)
        assert results.published_job(client) == job_ids[max(job_ids)]


def test_back_to_an_older_one_no_job_that_existed_at_that_moment_replaces_it(
    stack: Stack, client: Client, source: str
) -> None:
    client.call("SET", keys.SEQUENCE, 4)
    older, replaced = finish_as(stack, source, 1), finish_as(stack, source, 3)
    assert results.published_job(client) == replaced
    client.call("SET", keys.SEQUENCE, 4)  # the jobs 2 and 4 run meanwhile
    assert jobs.publish_job(client, older)
    for number in (2, 4):
        finish_as(stack, source, number)
        assert results.published_job(client) == older
    later = finish_as(stack, source, 5)
    assert results.published_job(client) == later


def test_publishing_twice_and_the_published_one_again_changes_nothing_but_what_may_replace_it(
    stack: Stack, client: Client, source: str
) -> None:
    first = stack.submit(source)
    finish(stack, first)
    waiting = stack.submit(source)
    assert jobs.publish_job(client, first)
    assert jobs.publish_job(client, first)
    finish(stack, waiting)
    assert results.published_job(client) == first


def test_a_call_that_is_sent_again_does_not_undo_what_came_after_it(stack: Stack, client: Client, source: str) -> None:
    older, newer = stack.submit(source), stack.submit(source)
    finish(stack, older, newer)
    assert call_publish(client, older, "call") == 1
    later = stack.submit(source)
    finish(stack, later)
    assert results.published_job(client) == later
    assert call_publish(client, older, "call") == 1
    assert results.published_job(client) == later
    assert client.call("PTTL", JobKeys(older).cube) > 0
    assert client.call("PTTL", JobKeys(later).cube) == -1


def test_the_lasting_life_time_moves_and_events_keep_theirs(stack: Stack, client: Client, source: str) -> None:
    older, newer = stack.submit(source), stack.submit(source)
    finish(stack, older, newer)
    for published, other in ((older, newer), (newer, older), (older, newer)):
        assert jobs.publish_job(client, published)
        assert client.call("PTTL", JobKeys(published).cube) == -1
        assert 0 < client.call("PTTL", JobKeys(other).cube) <= 600_000
        for job_id in (older, newer):
            assert 0 < client.call("PTTL", JobKeys(job_id).events) <= 600_000
    client.call("UNLINK", JobKeys(newer).events)
    assert jobs.publish_job(client, newer)
    assert client.call("EXISTS", JobKeys(newer).events) == 0  # it would have no life time


def test_a_job_that_is_not_published_at_its_end_keeps_that_over_a_retry(stack: Stack, client: Client) -> None:
    job_id = jobs.create_job(client, "late.csv", 600, may_publish=False)
    stack.orchestrator.round()
    assert stack.job(job_id).status is JobStatus.FAILED
    stack.write(HEADER + GOOD, "late.csv")
    assert jobs.retry_job(client, job_id)
    finish(stack, job_id)
    assert results.published_job(client) is None
    assert jobs.publish_job(client, job_id)
    assert results.published_job(client) == job_id


def test_publishing_needs_the_key_counts_for_the_rate_limit_and_is_logged(stack: Stack, serve: Serve) -> None:
    job_id = stack.submit(stack.write(HEADER + GOOD))
    finish(stack, job_id)
    api: TestClient = serve(api_key=KEY, rate_limit=3)
    path = f"/api/v1/jobs/{job_id}/publish"
    assert api.post(path).status_code == 401
    with capture_logs() as lines:
        assert api.post(path, headers={"X-API-Key": KEY}).json()["published"] is True
    (line,) = lines
    assert (line["event"], line["operation"], line["job"], line["status"]) == ("change", "publish_job", job_id, 200)
    assert api.post(path, headers={"X-API-Key": KEY}).status_code == 200
    assert api.post(path, headers={"X-API-Key": KEY}).status_code == 429
