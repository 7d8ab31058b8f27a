"""Answers from memory: the same bytes as others, from the result that is published now, under the same checks."""

import asyncio
import gzip
import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.dashboard import PAGES
from api.kept_answers import KeptAnswers
from autoconnect.broker import keys, results
from autoconnect.broker.connection import Client, connect
from autoconnect.broker.result_reader import ResultReader
from autoconnect.errors import BrokerUnavailable
from autoconnect.models import JobStatus
from tests.chaos.redis_server import RedisServer
from tests.e2e.waiting import wait_until
from tests.integration.api_server import ApiServer, api_server, get
from tests.integration.stack import Serve, Stack
from tests.integration.test_result_versions import calls, completed
from tests.integration.test_security import is_problem
from worker.group import GroupPolicy

SUMMARY = "/api/v1/metrics/summary"
MONTHLY = "/api/v1/metrics/monthly-revenue"
CSV = {"Accept": "text/csv"}


@pytest.fixture
def job_id(stack: Stack) -> str:
    """A published job of 300 rows."""
    job_id = stack.planned(stack.generated(300))
    assert stack.finish(job_id, stack.worker()).status is JobStatus.COMPLETED
    return job_id


def app_of(api: TestClient) -> FastAPI:
    assert isinstance(api.app, FastAPI)
    return api.app


def kept_by(api: TestClient) -> KeptAnswers:
    kept: KeptAnswers = app_of(api).state.kept_answers
    return kept


def remembered(api: TestClient, path: str, **headers: str) -> Any:
    """An answer from memory."""

    def is_kept() -> bool:
        hits = kept_by(api).hits
        assert api.get(path, headers=headers).status_code == 200
        return kept_by(api).hits > hits

    wait_until("the answer", is_kept)
    return api.get(path, headers=headers)


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        (f"{SUMMARY}?city=Paris", {}),
        (f"{MONTHLY}?format=csv", {}),
        (MONTHLY, CSV),
        (f"{MONTHLY}?format=xlsx", {}),
        ("/api/v1/query?group_by=city,month&limit=2", {}),
        ("/api/v1/cities", {}),
        ("/api/v1/models", {"Accept-Encoding": "gzip"}),
    ],
)
def test_an_answer_from_memory_is_the_one_that_was_made(
    job_id: str, serve: Serve, admin: Client, path: str, headers: dict[str, str]
) -> None:
    api = serve()
    made = api.get(path, headers=headers)
    kept = remembered(api, path, **headers)
    before = calls(admin)
    assert api.get(path, headers=headers).content == kept.content == made.content
    assert calls(admin) - before == 1
    assert kept.headers.pop("x-request-id") != made.headers.pop("x-request-id")
    assert kept.headers == made.headers
    assert made.headers["vary"] == "Accept, Accept-Encoding"
    assert made.headers["cache-control"] == "no-cache"


def test_a_new_filter_of_a_cube_in_memory_needs_no_more_of_redis_than_a_kept_answer(
    job_id: str, serve: Serve, admin: Client
) -> None:
    api = serve()
    remembered(api, SUMMARY)
    for path in (f"{SUMMARY}?city=Lyon", "/api/v1/query?group_by=type", f"/api/v1/cities?job={job_id}"):
        before = calls(admin)
        assert api.get(path).status_code == 200
        assert calls(admin) - before == 1


def test_the_published_job_of_now_answers_whichever_api_is_asked(stack: Stack, redis_url: str, tmp_path: Path) -> None:
    """Given two API processes that have kept answers from two jobs / When one publishes them in turn

    I expect the very next answer of either from the job just published.
    """
    jobs = [completed(stack, rows) for rows in (1, 2)]
    with ExitStack() as running:
        apis = [running.enter_context(api_server(_folder(tmp_path, name), redis_url)) for name in "ab"]
        for number in range(40):
            current = jobs[number % 2]
            publish = f"POST /api/v1/jobs/{current}/publish HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            assert apis[number % 3 % 2].ask(publish.encode()).status == 200
            for api in (*apis, *apis):
                assert json.loads(api.get(SUMMARY).body)["job_id"] == current
        assert all(hits(api) > 60 for api in apis)  # of 80


def _folder(parent: Path, name: str) -> Path:
    (parent / name).mkdir()
    return parent / name


def hits(api: ApiServer) -> float:
    """How often an API process has answered from memory, as it tells Prometheus."""
    lines = api.get("/metrics").body.decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("autoconnect_answers_from_memory_total "))


def test_kept_answers_of_a_removed_result_are_not_given(stack: Stack, client: Client, serve: Serve) -> None:
    old, _ = completed(stack, 1), completed(stack, 2)
    api = serve()
    path = f"{SUMMARY}?job={old}"
    assert remembered(api, path).json()["job_id"] == old
    client.call("UNLINK", keys.JobKeys(old).cube)
    assert is_problem(api.get(path), 410)
    client.call("DEL", *keys.JobKeys(old).for_scripts()[15:])
    assert is_problem(api.get(path), 404)


def test_a_job_in_the_query_is_never_taken_for_the_published_one(stack: Stack, serve: Serve) -> None:
    old, new = completed(stack, 1), completed(stack, 2)
    api = serve()
    assert remembered(api, SUMMARY).json()["job_id"] == new
    for path in (f"{SUMMARY}?job={old}", f"{SUMMARY}?%6Aob={old}", f"{SUMMARY}?%6a%6f%62={old}"):
        assert remembered(api, path).json()["job_id"] == old
    assert is_problem(api.get(f"{SUMMARY}?job={old}&job={new}"), 422)
    assert is_problem(api.get(f"{SUMMARY}?job=a:b"), 404)
    assert api.get(f"{SUMMARY}?city=job").json()["job_id"] == new


def test_a_client_that_has_an_answer_gets_304_until_another_result_is_published(stack: Stack, serve: Serve) -> None:
    completed(stack, 1)
    api = serve()
    made = api.get(SUMMARY)
    etag = made.headers["etag"]
    assert etag.startswith('"')
    remembered(api, SUMMARY)
    for sent in (etag, f'"x", {etag}', f"W/{etag}", "*"):
        for ask in (api.get, api.head):
            known = ask(SUMMARY, headers={"If-None-Match": sent})
            assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", etag)
            assert known.headers["cache-control"] == "no-cache"
    assert api.get(SUMMARY, headers={"If-None-Match": '"x"'}).content == made.content
    assert serve().get(SUMMARY, headers={"If-None-Match": etag}).status_code == 304  # an API that has kept nothing
    completed(stack, 2)
    changed = api.get(SUMMARY, headers={"If-None-Match": etag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != etag


@pytest.mark.parametrize("path", [MONTHLY, f"{MONTHLY}?format=csv", "/api/v1/query?group_by=day,model&limit=5000"])
def test_a_compressed_answer_has_the_same_content_and_an_etag_of_its_own(job_id: str, serve: Serve, path: str) -> None:
    api = serve()
    with api.stream("GET", path, headers={"Accept-Encoding": "br, gzip;q=0.5"}) as answer:
        packed = b"".join(answer.iter_raw())
    plain = api.get(path, headers={"Accept-Encoding": "gzip;q=0, identity"})
    assert answer.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert gzip.decompress(packed) == plain.content
    assert len(packed) < len(plain.content) / 2
    assert answer.headers["etag"] != plain.headers["etag"]
    assert answer.headers["vary"] == plain.headers["vary"] == "Accept, Accept-Encoding"


def test_an_answer_made_in_pieces_is_compressed_kept_and_answered_with_304(stack: Stack, serve: Serve) -> None:
    stack.finish(stack.planned(stack.generated(4_000)), stack.worker())
    api = serve()
    path = "/api/v1/query?group_by=day,model,city&measures=transactions&limit=100000"
    plain, zipped = (api.get(path, headers={"Accept-Encoding": coding}) for coding in ("identity", "gzip"))
    assert len(plain.json()["rows"]) > 2_000
    assert (plain.content, zipped.headers["content-encoding"]) == (zipped.content, "gzip")
    kept = remembered(api, path, **{"Accept-Encoding": "gzip"})
    assert (kept.content, int(kept.headers["content-length"]) < len(plain.content)) == (plain.content, True)
    for answer in (plain, zipped):
        sent = {"If-None-Match": answer.headers["etag"], "Accept-Encoding": "identity" if answer is plain else "gzip"}
        assert serve().get(path, headers=sent).status_code == 304


@pytest.mark.parametrize("path", [f"{SUMMARY}?type=vente&format=csv", f"{MONTHLY}?format=parquet"])
def test_what_would_not_become_smaller_is_not_compressed(job_id: str, serve: Serve, path: str) -> None:
    answer = serve().get(path, headers={"Accept-Encoding": "gzip"})
    assert answer.status_code == 200
    assert "content-encoding" not in answer.headers


def test_each_accept_gets_its_own_form_from_memory(job_id: str, serve: Serve) -> None:
    api = serve()
    forms = {accept: remembered(api, MONTHLY, Accept=accept) for accept in ("application/json", "text/csv", "*/*")}
    assert [answer.headers["content-type"].partition(";")[0] for answer in forms.values()] == [
        "application/json",
        "text/csv",
        "application/json",
    ]
    assert forms["*/*"].headers["etag"] == forms["application/json"].headers["etag"]
    assert forms["text/csv"].headers["etag"] != forms["*/*"].headers["etag"]
    assert is_problem(api.get(MONTHLY, headers={"Accept": "image/png"}), 406)


def test_errors_are_not_kept(job_id: str, stack: Stack, serve: Serve) -> None:
    api = serve()
    remembered(api, SUMMARY)
    before = kept_by(api).bytes
    open_job = stack.submit("next.csv")
    for path, status in (
        ("/api/v1/metrics/none", 404),
        (f"{SUMMARY}?job=none", 404),
        (f"{SUMMARY}?format=none", 406),
        (f"{SUMMARY}?job={open_job}", 409),
        (f"{SUMMARY}?none=1", 422),
    ):
        for _ in range(2):
            answer = api.get(path)
            assert is_problem(answer, status)
            assert "etag" not in answer.headers
            assert answer.headers["cache-control"] == "no-store"
    assert api.get(f"{SUMMARY}?job={open_job}&partial=true").headers["cache-control"] == "no-store"
    assert kept_by(api).bytes == before


def test_no_more_is_kept_than_the_setting_allows(job_id: str, serve: Serve) -> None:
    api, keeping_nothing = serve(answer_cache_bytes=50_000), serve(answer_cache_bytes=0)
    for number in range(60):
        assert api.get(f"{SUMMARY}?city=none{number}").status_code == 200
        assert 0 < kept_by(api).bytes <= 50_000
    for _ in range(3):
        assert keeping_nothing.get(SUMMARY).status_code == 200
    assert kept_by(keeping_nothing).bytes == kept_by(keeping_nothing).hits == 0


def test_a_kept_answer_needs_the_key_and_counts_as_a_call(job_id: str, serve: Serve) -> None:
    key = "a key of 16 characters"
    api = serve(api_key=key, api_key_for_reading=True)
    answer = remembered(api, SUMMARY, **{"X-API-Key": key})
    assert answer.headers["cache-control"] == "private, no-cache"
    assert is_problem(api.get(SUMMARY), 401)
    assert is_problem(api.head(SUMMARY), 401)
    assert is_problem(api.get(SUMMARY, headers={"X-API-Key": "another key of some length"}), 401)
    limited = serve(rate_limit=5)
    assert [limited.get(SUMMARY).status_code for _ in range(6)] == [200] * 5 + [429]
    host = serve()
    remembered(host, SUMMARY)
    assert is_problem(host.get(SUMMARY, headers={"Host": "evil.example"}), 403)


def test_while_redis_hangs_a_kept_answer_is_503_and_soon_after_200_again(tmp_path: Path, policy: GroupPolicy) -> None:
    redis = RedisServer(tmp_path / "redis")
    try:
        stack = Stack(connect(redis.url), redis.url, tmp_path, policy)
        completed(stack)
        with api_server(tmp_path, redis.url) as api:
            wait_until("the answer", lambda: api.get(SUMMARY).status == 200 and hits(api) > 0)
            redis.freeze()
            connections = [api.connect(get(SUMMARY, b"Connection: close")) for _ in range(20)]
            for connection in connections:
                assert b" 503 " in connection.recv(1_000)
                connection.close()
            assert api.get(SUMMARY).status == 503
            redis.wake()
            before = hits_when_ready(api)
            wait_until("the answer", lambda: api.get(SUMMARY).status == 200 and hits(api) > before)
        stack.close()
    finally:
        redis.stop()


def hits_when_ready(api: ApiServer) -> float:
    wait_until("Redis", lambda: api.get("/health/ready").status == 200)
    return hits(api)


def every_path(app: FastAPI) -> Iterator[tuple[str, set[str]]]:
    """Each path of the API, and its methods as the description has them."""
    values = {"job_id": "none", "name": "summary", "form": "svg"}
    for path, operations in app.openapi()["paths"].items():
        named = path.replace("/sources/{name}", "/sources/source.csv")
        yield named.format(**values), {method.upper() for method in operations}
    yield from ((path, {"GET"}) for path in (*PAGES, "/docs", "/redoc", "/openapi.json", "/static/docs/redoc.js"))


def test_every_route_answers_options_with_its_methods(job_id: str, serve: Serve) -> None:
    api = serve()
    paths = dict(every_path(app_of(api)))
    assert len(paths) > 25
    for path, methods in paths.items():
        answer = api.options(path)
        assert (answer.status_code, answer.content) == (204, b""), path
        expected = methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
        assert expected <= set(answer.headers["allow"].split(", ")), path  # also those of another path of this form
    assert is_problem(api.options("/api/v1/none"), 404)


def test_every_route_of_get_answers_head_with_the_same_headers_and_no_body(job_id: str, serve: Serve) -> None:
    api = serve()
    for path, methods in every_path(app_of(api)):
        if "GET" not in methods or path.endswith("/events"):
            continue
        got, head = (ask(path, follow_redirects=False) for ask in (api.get, api.head))
        assert (head.status_code, head.content) == (got.status_code, b""), path
        assert head.headers.get("content-type") == got.headers.get("content-type"), path
    assert is_problem(api.get("/api/v1/none"), 404)
    assert api.head("/api/v1/none").status_code == 404
    assert api.head(f"/api/v1/jobs/{job_id}/publish").status_code == 405


def test_head_of_a_stream_of_events_ends(job_id: str, serve: Serve) -> None:
    for path in (f"/api/v1/jobs/{job_id}/events", "/api/v1/events"):
        answer = serve().head(path)
        if answer.status_code != 404:
            assert (answer.status_code, answer.content) == (200, b"")
            assert answer.headers["content-type"].startswith("text/event-stream")


def test_the_first_read_of_a_turn_is_sent_at_once_and_the_others_are_one_command(
    job_id: str, client: Client, admin: Client, redis_url: str
) -> None:
    results.read_result(client)  # Redis has the script from now on

    async def scenario() -> None:
        reader = ResultReader(redis_url)
        with pytest.raises(BrokerUnavailable):
            await reader.read()
        running = asyncio.create_task(reader.run())
        while not await connected(reader):
            await asyncio.sleep(0.01)
        before = calls(admin)
        infos = await asyncio.gather(*(reader.read() for _ in range(10)))
        assert calls(admin) - before == 2
        assert infos == [results.read_result(client)] * 10
        before = calls(admin)
        for _ in range(3):
            assert await reader.read(job_id) == infos[0]
        assert calls(admin) - before == 3
        assert await reader.read("none") is None
        cancelled, other = reader.read(), reader.read()
        cancelled.cancel()
        assert await other == infos[0]
        reader.stop()
        await running

    asyncio.run(scenario())


def test_a_result_that_cannot_be_read_fails_the_read_and_connects_anew(
    job_id: str, client: Client, redis_url: str
) -> None:
    """I expect that nobody waits for ever, and that the next read is answered"""
    results.read_result(client)  # Redis has the script from now on
    client.call("HSET", keys.JobKeys(job_id).job, "rows_read", "many")

    async def scenario() -> None:
        reader = ResultReader(redis_url)
        running = asyncio.create_task(reader.run())
        while not await connected(reader, "none"):
            await asyncio.sleep(0.01)
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # it would log the error
        with pytest.raises(BrokerUnavailable):
            await asyncio.wait_for(reader.read(job_id), 5)
        while not await connected(reader, "none"):
            await asyncio.sleep(0.01)
        reader.stop()
        await running

    asyncio.run(scenario())


async def connected(reader: ResultReader, job_id: str = "") -> bool:
    try:
        await reader.read(job_id)
    except BrokerUnavailable:
        return False
    return True
