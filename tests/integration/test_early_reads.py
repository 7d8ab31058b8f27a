"""Reads of the published result that a connection asks for before it has parsed a request."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path
from typing import BinaryIO

import pytest

from autoconnect.broker.connection import Client
from tests.e2e.waiting import wait_until
from tests.integration.api_server import ApiServer, api_server, get
from tests.integration.stack import Stack
from tests.integration.test_kept_answers import SUMMARY, hits
from tests.integration.test_result_versions import calls, completed

REQUESTS = 100
#: The most calls of Redis that the process makes meanwhile for other reasons.
OTHER_CALLS = 20
#: Calls that an address has in a minute, where they are limited.
LIMIT = 20
START = Callable[..., ApiServer]


@pytest.fixture
def start(stack: Stack, redis_url: str, tmp_path: Path) -> Iterator[START]:
    """Starts an API with these settings, and waits until it gives a kept answer."""
    completed(stack)
    with ExitStack() as running:

        def start_api(**variables: str) -> ApiServer:
            api = running.enter_context(api_server(tmp_path, redis_url, **variables))
            wait_until("an answer from memory", lambda: api.get(SUMMARY).status == 200 and hits(api) > 0)
            return api

        yield start_api


def post(target: str) -> bytes:
    return get(target).replace(b"GET", b"POST", 1)


def next_body(answers: BinaryIO) -> bytes:
    """The body of the next answer on a connection."""
    headers = dict(line.lower().split(b": ", 1) for line in iter(answers.readline, b"\r\n") if b": " in line)
    return answers.read(int(headers[b"content-length"]))


def transactions(body: bytes) -> int:
    return int(json.loads(body)["rows"][0]["transactions"])


def test_each_request_of_a_connection_costs_one_read(start: START, admin: Client) -> None:
    api = start()
    connection = HTTPConnection("127.0.0.1", api.port)
    before = calls(admin)
    for _ in range(REQUESTS):
        connection.request("GET", SUMMARY)
        assert transactions(connection.getresponse().read()) == 1
    assert REQUESTS <= calls(admin) - before <= REQUESTS + OTHER_CALLS
    connection.close()


def test_requests_that_are_refused_or_need_no_result_cost_one_read_at_most(start: START, admin: Client) -> None:
    """Given a connection that has asked for a result / When it goes on with requests of another kind

    I expect no more calls of Redis than are allowed in a minute, and what the process does besides.
    """
    api = start(RATE_LIMIT=str(LIMIT))
    connection = HTTPConnection("127.0.0.1", api.port)
    for target, status in ((SUMMARY, 429), ("/health/live", 200)):
        connection.request("GET", SUMMARY)
        connection.getresponse().read()
        before = calls(admin)
        for _ in range(REQUESTS):
            connection.request("GET", target)
            answer = connection.getresponse()
            answer.read()
        assert answer.status == status
        assert calls(admin) - before <= LIMIT + OTHER_CALLS
    connection.close()


def test_a_request_in_two_pieces_gets_the_result_that_is_published_when_its_end_arrives(
    stack: Stack, start: START
) -> None:
    api, request = start(), get(SUMMARY)
    with api.connect(request) as connection, connection.makefile("rb") as answers:
        assert transactions(next_body(answers)) == 1
        for rows, cut in enumerate((4, 30, len(request) - 2), start=2):
            connection.sendall(request[:cut])
            api.get("/health/live")  # by now, the first piece has been received
            completed(stack, rows)
            connection.sendall(request[cut:])
            assert transactions(next_body(answers)) == rows


@pytest.mark.parametrize("first", [SUMMARY, "/health/live"])
def test_a_pipelined_request_sees_what_those_before_it_changed(stack: Stack, start: START, first: str) -> None:
    api = start()
    jobs = {rows: completed(stack, rows) for rows in (2, 3)}
    with api.connect(get(SUMMARY)) as connection, connection.makefile("rb") as answers:
        assert transactions(next_body(answers)) == 3
        for rows in (2, 3, 2, 3):
            connection.sendall(get(first) + post(f"/api/v1/jobs/{jobs[rows]}/publish") + get(SUMMARY))
            next_body(answers)
            assert json.loads(next_body(answers))["id"] == jobs[rows]
            assert transactions(next_body(answers)) == rows
