"""A running API while Redis hangs, dies or comes back: who asks gets a quick answer, and health is always told."""

import json
import select
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from http.client import HTTPConnection
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.proxy import Proxy
from tests.chaos.redis_server import RedisServer
from tests.e2e.waiting import wait_until
from tests.integration.api_server import Answer, ApiServer, api_server, get, read_answer

#: Calls that need Redis, of several kinds.
NEEDING = ("/api/v1/jobs", "/api/v1/metrics/summary", "/api/v1/query", "/api/v1/workers", "/metrics", "/api/v1/cities")
#: Calls that do not.
OTHERS = ("/api/v1/sources", "/api/v1/metrics", "/docs", "/openapi.json")
#: Seconds that a loaded machine may take on top.
_SLACK_S = 3.0


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path / "redis")
    yield server
    server.stop()


@pytest.fixture
def api(tmp_path: Path, redis: RedisServer) -> Iterator[ApiServer]:
    with api_server(tmp_path, redis.url) as server:
        wait_until("Redis", lambda: server.get("/health/ready").status == 200, poll_s=0.02)
        yield server


def seconds(ask: Callable[[], Answer]) -> tuple[float, Answer]:
    start = time.monotonic()
    answer = ask()
    return time.monotonic() - start, answer


def is_away(answer: Answer) -> bool:
    return answer.status == 503 and answer.media_type == "application/problem+json"


def test_while_redis_hangs_every_call_is_answered_within_2_s_and_live_meanwhile(
    api: ApiServer, redis: RedisServer
) -> None:
    redis.freeze()
    frozen = time.monotonic()
    waiting = [api.connect(get(NEEDING[number % len(NEEDING)])) for number in range(200)]
    while waiting:
        assert api.get("/health/live").status == 200
        assert time.monotonic() - frozen < 2 + _SLACK_S
        for connection in select.select(waiting, [], [], 0)[0]:
            assert is_away(read_answer(connection))
            connection.close()
            waiting.remove(connection)
    for target in ("/health/ready", *NEEDING):
        took, answer = seconds(partial(api.get, target))
        assert is_away(answer), target
        assert "Redis does not answer" in json.loads(answer.body)["detail"]
        assert took < _SLACK_S
    assert [api.get(target).status for target in OTHERS] == [200] * len(OTHERS)
    redis.wake()
    woken = time.monotonic()
    wait_until("Redis", lambda: api.get("/health/ready").status == 200, poll_s=0.01)
    assert time.monotonic() - woken < 1 + _SLACK_S
    assert [api.get(target).status for target in ("/api/v1/jobs", "/metrics")] == [200, 200]


def test_calls_at_any_moment_of_a_hang_are_answered_within_2_s_of_it(api: ApiServer, redis: RedisServer) -> None:
    """Given a Redis that hangs, and calls that begin just before and some time after, I expect one 503 for each."""
    answers: list[Answer] = []
    with ThreadPoolExecutor(40) as threads:
        redis.freeze()
        frozen = time.monotonic()
        while time.monotonic() - frozen < 2:
            threads.submit(lambda: answers.append(api.get("/api/v1/jobs")))
            time.sleep(0.1)
    assert time.monotonic() - frozen < 2 + _SLACK_S
    assert len(answers) > 10
    assert all(map(is_away, answers))
    assert all(json.loads(answer.body)["title"] for answer in answers)


def test_an_answer_says_when_to_ask_again(api: ApiServer, redis: RedisServer) -> None:
    redis.freeze()
    wait_until("the API to notice", lambda: api.get("/health/ready").status == 503, 5, poll_s=0.01)
    with api.connect(b"GET /api/v1/jobs HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") as connection:
        assert b"\r\nretry-after: 1\r\n" in connection.recv(4_096).lower()


def ask_all(clients: list[HTTPConnection], target: str) -> list[tuple[int, Any]]:
    """Status and JSON of the answers to calls that all clients send at once."""
    for client in clients:
        client.request("GET", target)
    return [_answer(client, target) for client in clients]


def _answer(client: HTTPConnection, target: str) -> tuple[int, Any]:
    """The next answer on a kept connection, or on a new one if it was idle for too long on a loaded machine."""
    try:
        response = client.getresponse()
    except ConnectionError:
        client.close()
        client.request("GET", target)
        response = client.getresponse()
    with response:
        return response.status, json.loads(response.read())


def test_a_call_is_answered_once_however_often_redis_hangs(api: ApiServer, redis: RedisServer) -> None:
    """Given calls that are answered while their threads still wait, I expect each connection to stay in step."""
    with ExitStack() as connections:
        clients = [HTTPConnection("127.0.0.1", api.port, timeout=20) for _ in range(60)]
        for client in clients:
            connections.callback(client.close)
        for _ in range(3):
            redis.freeze()
            assert {status for status, _ in ask_all(clients, "/api/v1/jobs")} == {503}
            redis.wake()
            wait_until("Redis", lambda: api.get("/health/ready").status == 200, poll_s=0.01)
        assert all(answer == (200, {"status": "alive"}) for answer in ask_all(clients, "/health/live"))
        assert [(status, body["items"]) for status, body in ask_all(clients, "/api/v1/jobs")] == [(200, [])] * 60
    assert "Traceback" not in api.messages.read_text()


def test_connections_that_the_network_has_forgotten_are_not_used_again(tmp_path: Path, redis: RedisServer) -> None:
    proxy = Proxy(get_context("forkserver"), redis.socket, ["api"])
    try:
        with api_server(tmp_path, proxy.urls["api"]) as api, ThreadPoolExecutor(20) as threads:
            targets = ["/api/v1/jobs"] * 40
            assert {answer.status for answer in threads.map(api.get, targets)} == {200}
            proxy.make_black_hole("api", True)
            wait_until("the API to notice", lambda: api.get("/health/ready").status == 503, 5, poll_s=0.01)
            proxy.make_black_hole("api", False)
            wait_until("Redis", lambda: api.get("/health/ready").status == 200, 2 + _SLACK_S, poll_s=0.01)
            took, _ = seconds(lambda: api.get("/api/v1/jobs"))
            assert took < _SLACK_S
            assert {answer.status for answer in threads.map(api.get, targets)} == {200}
    finally:
        proxy.stop()


def test_a_redis_that_dies_and_restarts_is_noticed_at_once(api: ApiServer, redis: RedisServer) -> None:
    for _ in range(3):
        redis.restart(signal.SIGKILL)
        restarted = time.monotonic()
        wait_until("Redis", lambda: api.get("/api/v1/jobs").status == 200, poll_s=0.01)
        assert time.monotonic() - restarted < 1 + _SLACK_S
    log = api.messages.read_text()
    assert log.count("redis unavailable") == log.count("redis available again") <= 3


def test_a_redis_that_refuses_writes_still_serves_reads_but_is_not_ready(api: ApiServer, redis: RedisServer) -> None:
    redis.fill_disk()
    wait_until("Redis to refuse", lambda: _submit(api) == 503, poll_s=0.05)
    wait_until("the API to notice", lambda: api.get("/health/ready").status == 503, 5, poll_s=0.01)
    assert api.get("/api/v1/jobs").status == 200
    redis.free_disk()
    wait_until("Redis", lambda: api.get("/health/ready").status == 200, poll_s=0.05)


def _submit(api: ApiServer) -> int:
    return api.ask(b"POST /api/v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").status


def test_uploads_go_on_while_redis_hangs(api: ApiServer, redis: RedisServer) -> None:
    redis.freeze()
    calls = [threading.Thread(target=api.get, args=("/api/v1/jobs",)) for _ in range(100)]
    for call in calls:
        call.start()
    put = b"PUT /api/v1/sources/x.csv HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx"
    took, answer = seconds(lambda: api.ask(put))
    for call in calls:
        call.join()
    assert answer.status == 201
    assert took < 2 + _SLACK_S
