"""Events of jobs as clients of a running API receive them: complete, in bounded memory, and ended in an orderly way."""

import select
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from autoconnect.broker import jobs, waits
from autoconnect.broker.connection import Client, connect
from autoconnect.models import JobStatus
from tests.chaos.redis_server import RedisServer
from tests.e2e.waiting import wait_until
from tests.integration.api_server import ApiServer, api_server
from tests.integration.event_reader import Event, EventReader
from tests.integration.stack import HEADER, Stack

GOOD = "TX1,2024-01-31,Paris,vente,Audi A4,100.50,\n"
WATCHERS = 500


@pytest.fixture
def api(client: Client, redis_url: str, tmp_path: Path) -> Iterator[ApiServer]:
    with api_server(tmp_path, redis_url) as server:
        wait_until("Redis", lambda: server.get("/health/ready").status == 200, poll_s=0.02)
        yield server


def completed(stack: Stack) -> str:
    job_id = stack.planned(stack.write(HEADER + GOOD))
    assert stack.finish(job_id, stack.worker()).status is JobStatus.COMPLETED
    return job_id


def memory_bytes(api: ApiServer) -> int:
    status = Path(f"/proc/{api.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1_024


def threads(api: ApiServer) -> int:
    return len(list(Path(f"/proc/{api.process.pid}/task").iterdir()))


def resumed(api: ApiServer, path: str, last_id: str) -> list[Event]:
    """What a client that connects again, and once more if need be, is told up to the first job that has ended."""
    told: list[Event] = []
    while not told or told[-1].name != "job":
        with EventReader(api, path, last_id) as reader:
            for event in reader.events():
                told.append(event)
                if event.data.get("finished_at"):
                    break
    return told


def change(client: Client, job_id: str) -> None:
    """Make an entry in an open job's events."""
    waits.wait_for_memory(client, job_id)
    waits.stop_waiting(client, job_id)


# One job


def test_a_job_is_told_from_its_state_to_its_end_and_then_the_stream_ends(stack: Stack, api: ApiServer) -> None:
    job_id = stack.submit(stack.generated(600))
    with EventReader(api, f"/jobs/{job_id}/events", "", b"Accept-Encoding: gzip") as reader:
        assert reader.response.status == 200
        headers = reader.response.headers
        assert headers["content-type"] == "text/event-stream; charset=utf-8"
        assert (headers["cache-control"], headers["content-encoding"], headers["etag"]) == ("no-store", None, None)
        events = reader.events()
        first = next(events)
        assert (first.name, first.data["id"], first.data["status"]) == ("job", job_id, "queued")
        stack.orchestrator.round()
        assert next(events).data["status"] in ("planning", "running")
        stack.finish(job_id, stack.worker())
        told = list(events)
    assert told[-1].data == stack.job(job_id).model_dump(mode="json")
    assert told[-1].data["status"] == "completed"
    with EventReader(api, f"/jobs/{job_id}/events", told[-1].id) as again:
        assert (again.response.status, again.response.read()) == (204, b"")
    with EventReader(api, f"/jobs/{job_id}/events", first.id) as again:
        assert [event.data["status"] for event in again.events()] == ["completed"]


def test_a_client_that_connects_again_is_told_only_what_it_does_not_know(
    stack: Stack, client: Client, api: ApiServer
) -> None:
    job_id = stack.submit(stack.write(HEADER + GOOD))
    with EventReader(api, f"/jobs/{job_id}/events") as reader:
        known = next(reader.events())
    with EventReader(api, f"/jobs/{job_id}/events", known.id) as again:
        waits.wait_for_memory(client, job_id)
        assert next(again.events()).data["waits_for"] == "memory"
    for other in ("9999999999999-0:x", "1-0", "not an id"):
        with EventReader(api, f"/jobs/{job_id}/events", other) as again:
            assert next(again.events()).data["status"] == "queued"


def test_a_retried_job_is_open_for_a_client_that_connects_at_once(stack: Stack, client: Client, api: ApiServer) -> None:
    job_id = stack.planned("missing.csv")
    with EventReader(api, "/events") as everything:
        everything.until("job", id=job_id, status="failed")
        assert jobs.retry_job(client, job_id)
        with EventReader(api, f"/jobs/{job_id}/events") as reader:
            events = reader.events()
            assert next(events).data["status"] == "queued"
            assert jobs.end_job(client, job_id, JobStatus.CANCELLED)
            assert [event.data["status"] for event in events] == ["cancelled"]


def test_an_unknown_job_is_a_problem_and_one_that_is_lost_ends_its_stream(
    stack: Stack, client: Client, api: ApiServer
) -> None:
    answer = api.get("/api/v1/jobs/none/events")
    assert (answer.status, answer.media_type) == (404, "application/problem+json")
    job_id = stack.submit("source.csv")
    with EventReader(api, f"/jobs/{job_id}/events") as reader:
        events = reader.events()
        next(events)
        time.sleep(0.5)  # the API follows the job by now
        client.call("SREM", "autoconnect:open", job_id)
        client.call("DEL", f"autoconnect:job:{job_id}", f"autoconnect:job:{job_id}:events")
        assert [(event.name, event.data) for event in events] == [("removed", {"id": job_id})]


def test_ten_events_a_second_at_most_tell_a_job_that_changes_all_the_time(
    stack: Stack, client: Client, api: ApiServer
) -> None:
    job_id = stack.submit("source.csv")
    with EventReader(api, f"/jobs/{job_id}/events") as reader:
        begun, changes = time.monotonic(), 0
        while time.monotonic() < begun + 2:
            change(client, job_id)
            changes += 2
        assert jobs.end_job(client, job_id, JobStatus.CANCELLED)
        events = list(reader.events())
    seconds = time.monotonic() - begun
    assert changes > 100
    assert 3 <= len(events) <= 10 * seconds + 3
    assert events[-1].data["status"] == "cancelled"


# All jobs


def test_all_jobs_are_told_also_that_another_one_is_published_or_removed(
    stack: Stack, client: Client, api: ApiServer
) -> None:
    old, new = completed(stack), completed(stack)
    with EventReader(api, "/events") as reader:
        events = reader.events()
        assert next(events).name == "snapshot"
        shown = [next(events) for _ in range(2)]
        assert {event.data["id"]: event.data["published"] for event in shown} == {old: False, new: True}
        later = stack.submit("source.csv")
        reader.until("job", id=later, status="queued")
        assert jobs.publish_job(client, old)
        told = [reader.until("job"), reader.until("job")]
        assert {event.data["id"]: event.data["published"] for event in told} == {old: True, new: False}
        assert jobs.remove_job(client, new)
        assert reader.until("removed").data == {"id": new}


def test_a_client_of_all_jobs_misses_nothing_when_it_connects_again(
    stack: Stack, client: Client, api: ApiServer
) -> None:
    ended, open_job = completed(stack), stack.submit("source.csv")
    with EventReader(api, "/events") as reader:
        known = reader.until("job", id=open_job)
    change(client, open_job)
    later = stack.submit("source.csv")
    with EventReader(api, "/events", known.id) as again:
        events, told = again.events(), set[str]()
        while later not in told or open_job not in told:  # in any order if both changed within a millisecond
            told.add(next(events).data["id"])
        assert told - {ended} == {open_job, later}  # an event of the same millisecond may come again
    for other in ("9999999999999-0:x", "not an id"):
        with EventReader(api, "/events", other) as again:
            events = again.events()
            assert next(events).name == "snapshot"
            assert {next(events).data["id"] for _ in range(3)} == {ended, open_job, later}


def test_the_id_of_an_event_holds_in_every_api_process(
    stack: Stack, client: Client, api: ApiServer, redis_url: str, tmp_path: Path
) -> None:
    first, second = stack.submit("source.csv"), stack.submit("source.csv")
    with EventReader(api, "/events") as reader:
        known = reader.until("job", id=second)
    (tmp_path / "other").mkdir()
    with api_server(tmp_path / "other", redis_url) as other:
        wait_until("Redis", lambda: other.get("/health/ready").status == 200, poll_s=0.02)
        with EventReader(other, f"/jobs/{second}/events", known.id) as again:
            change(client, second)
            assert again.until("job").id != known.id
        assert jobs.end_job(client, first, JobStatus.CANCELLED)
        with EventReader(other, "/events", known.id) as everything:
            assert everything.until("job", id=first, status="cancelled")


def test_more_jobs_than_are_followed_are_told_until_their_end_and_then_an_old_id_gets_a_snapshot(
    stack: Stack, client: Client, api: ApiServer
) -> None:
    oldest = stack.submit("source.csv")
    with EventReader(api, "/events") as reader:
        known = reader.until("job", id=oldest)
        others = [stack.submit("source.csv") for _ in range(101)]
        reader.until("job", id=others[-1])
        for job_id in (oldest, *others):
            assert jobs.end_job(client, job_id, JobStatus.CANCELLED)
        told: set[str] = set()
        for event in reader.events():
            told |= {event.data["id"]} if event.data["status"] == "cancelled" else set()
            if len(told) == 102:
                break
    time.sleep(0.5)  # the oldest one is no longer followed
    with EventReader(api, "/events", known.id) as again:
        assert next(again.events()).name == "snapshot"


# Many clients, and bad ones


def test_500_clients_at_once_are_all_told_the_end_without_a_thread_for_each(
    stack: Stack, client: Client, api: ApiServer
) -> None:
    job_id = stack.submit("source.csv")
    before, threads_before = memory_bytes(api), threads(api)
    with ExitStack() as open_readers:
        paths = [f"/jobs/{job_id}/events", "/events"] * (WATCHERS // 2)
        readers = [open_readers.enter_context(EventReader(api, path)) for path in paths]
        assert all(reader.until("job").data["status"] == "queued" for reader in readers)
        assert threads(api) <= threads_before + 42  # those of the routes, which others use meanwhile
        begun = time.monotonic()
        for _ in range(20):
            change(client, job_id)
            time.sleep(0.05)
        assert api.get("/health/live").status == 200
        assert jobs.end_job(client, job_id, JobStatus.CANCELLED)
        assert all(reader.until("job", status="cancelled") for reader in readers)
        assert time.monotonic() - begun < 20
        assert [list(reader.events()) for reader in readers[::2]] == [[]] * (WATCHERS // 2)
        assert memory_bytes(api) - before < 128 << 20


def test_a_client_that_does_not_read_neither_grows_the_process_nor_stops_the_others(
    stack: Stack, client: Client, api: ApiServer
) -> None:
    job_id = stack.submit("source.csv")
    with EventReader(api, "/events") as idle, EventReader(api, f"/jobs/{job_id}/events") as reader:
        events = reader.events()
        next(events)
        before = memory_bytes(api)
        for _ in range(30):
            change(client, job_id)
            next(events)
        assert jobs.end_job(client, job_id, JobStatus.CANCELLED)
        assert list(events)[-1].data["status"] == "cancelled"
        assert memory_bytes(api) - before < 16 << 20
        assert idle.until("job", status="cancelled")


# Ends


def test_sigterm_ends_all_streams_in_an_orderly_way(stack: Stack, api: ApiServer) -> None:
    job_id = stack.submit("source.csv")
    with EventReader(api, "/events") as everything, EventReader(api, f"/jobs/{job_id}/events") as reader:
        everything.until("job", id=job_id)
        reader.until("job", id=job_id)
        begun = time.monotonic()
        api.process.send_signal(signal.SIGTERM)
        assert [*everything.events(), *reader.events()] == []  # a stream that is cut off raises IncompleteRead
        assert api.process.wait(10) == 0
        assert time.monotonic() - begun < 4
    assert "Traceback" not in api.messages.read_text()


def test_when_redis_goes_away_the_streams_end_and_are_resumed_when_it_is_back(tmp_path: Path) -> None:
    redis = RedisServer(tmp_path / "redis")
    client = connect(redis.url)
    try:
        with api_server(tmp_path, redis.url) as api:
            wait_until("Redis", lambda: api.get("/health/ready").status == 200, poll_s=0.02)
            job_id = jobs.create_job(client, "source.csv", 600)
            with EventReader(api, "/events") as everything, EventReader(api, f"/jobs/{job_id}/events") as reader:
                readers = (everything, reader)
                known = [each.until("job", status="queued").id for each in readers]
                redis.freeze()
                last = [list(each.events()) for each in readers]
                assert [[event.name for event in events] for events in last] == [["unavailable"]] * 2
                assert all("Redis" in event.data["detail"] for (event,) in last)
                answer = api.get(f"/api/v1/jobs/{job_id}/events")
                assert (answer.status, answer.media_type) == (503, "application/problem+json")
                redis.wake()
                redis.restart(signal.SIGKILL)
            assert jobs.end_job(client, job_id, JobStatus.CANCELLED)
            wait_until("Redis", lambda: api.get(f"/api/v1/jobs/{job_id}/events").status == 200, poll_s=0.02)
            for path, last_id in zip(("/events", f"/jobs/{job_id}/events"), known, strict=True):
                assert resumed(api, path, last_id)[-1].data["status"] == "cancelled"
    finally:
        client.close()
        redis.stop()


def test_a_stream_needs_a_key_if_reading_does(client: Client, redis_url: str, tmp_path: Path) -> None:
    with api_server(tmp_path, redis_url, API_KEY="a-key-for-these-tests-only", API_KEY_FOR_READING="true") as api:
        assert api.get("/api/v1/events").status == 401
        with EventReader(api, "/events", "", b"X-API-Key: a-key-for-these-tests-only") as reader:
            assert next(reader.events()).name == "snapshot"


def test_a_client_that_goes_leaves_nothing_behind(stack: Stack, api: ApiServer) -> None:
    job_id = stack.submit("source.csv")
    files = Path(f"/proc/{api.process.pid}/fd")
    with EventReader(api, "/events") as reader:
        reader.until("job", id=job_id)
        before = len(list(files.iterdir()))
        for _ in range(50):
            with EventReader(api, f"/jobs/{job_id}/events") as other:
                next(other.events())
        wait_until("connections to close", lambda: len(list(files.iterdir())) <= before + 2, 10)
        assert not select.select([reader.socket], [], [], 0)[0]
    assert threading.active_count() < 10
