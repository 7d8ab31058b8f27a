"""Connections to a running API: slow, idle, too many, broken or with a body that nobody reads."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from http.client import HTTPConnection
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from api.limits import MAX_HEADER_BYTES, MAX_URL_BYTES
from api.listener import listening_sockets
from tests.e2e.processes import environment
from tests.e2e.waiting import wait_until
from tests.integration.api_server import Answer, ApiServer, api_server, get, read_answer
from tests.required import require

KEY = "0123456789abcdef"
#: More than the buffers of a loopback connection hold, so that the client still sends when the API refuses.
BODY = b"x" * (24 << 20)


@pytest.fixture
def api(tmp_path: Path, redis_url: str) -> Iterator[ApiServer]:
    with api_server(tmp_path, redis_url) as server:
        yield server


def is_problem(answer: Answer, status: int) -> bool:
    problem = json.loads(answer.body)
    return (answer.status, answer.media_type, problem["status"]) == (status, "application/problem+json", status)


def seconds_until_closed(connection: socket.socket) -> float:
    start = time.monotonic()
    with connection, suppress(ConnectionResetError):
        while connection.recv(1 << 16):
            pass
    return time.monotonic() - start


def descriptors(api: ApiServer) -> int:
    """The number of file descriptors that the API has open."""
    if sys.platform != "linux":
        require("linux", "the file descriptors of a process cannot be counted here")
    return len(os.listdir(f"/proc/{api.process.pid}/fd"))


# What does not fit


@pytest.mark.parametrize("extra", [1, 60_000, 3_000_000])
def test_too_long_a_url_is_a_414_wherever_it_is_noticed(api: ApiServer, extra: int) -> None:
    target = "/api/v1/query?group_by=".ljust(MAX_URL_BYTES + extra, "x")
    assert is_problem(api.get(target), 414)
    assert is_problem(api.get(target.replace("?", "/")), 414)


@pytest.mark.parametrize("extra", [1, 60_000, 3_000_000])
def test_too_large_headers_are_a_431_wherever_it_is_noticed(api: ApiServer, extra: int) -> None:
    assert is_problem(api.get("/api/v1/jobs", b"Cookie: " + b"x" * (MAX_HEADER_BYTES + extra)), 431)
    lines = [b"X-%d: x" % number for number in range((MAX_HEADER_BYTES + extra) // 8)]
    assert is_problem(api.get("/api/v1/jobs", *lines), 431)


def test_15_000_names_are_refused_and_do_not_hold_up_other_calls(api: ApiServer) -> None:
    query = "&".join(f"p{number}=1" for number in range(15_000))
    with ExitStack() as open_connections:
        for _ in range(20):
            open_connections.enter_context(api.connect(get(f"/api/v1/metrics/summary?{query}")))
        start = time.monotonic()
        assert api.get("/health/live").status == 200
        assert time.monotonic() - start < 1


@pytest.mark.parametrize(
    "sent",
    [
        b"PUT /api/v1/sources/x.csv HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nBad header\r\n\r\n",
        b"POST /api/v1/jobs HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
    ],
)
def test_a_request_that_is_not_http_gets_a_problem(api: ApiServer, sent: bytes) -> None:
    with api.connect(sent) as connection:
        assert is_problem(read_answer(connection), 400)
        assert connection.recv(1) == b""


def test_a_chunk_that_is_not_http_neither_stops_the_api_nor_fills_its_log(api: ApiServer) -> None:
    bad = b"POST /api/v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n"
    with api.connect(bad) as connection:
        assert is_problem(read_answer(connection), 415)
        connection.sendall(b"zz\r\n")
        assert seconds_until_closed(connection) < 15
    good = b"PUT /api/v1/sources/x.csv HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"
    with api.connect(good) as connection:
        wait_until("the upload", lambda: list(api.messages.parent.glob("uploads/.upload-*")))
        connection.sendall(b"zz\r\n")
        assert is_problem(read_answer(connection), 400)
    wait_until("its end", lambda: not list(api.messages.parent.glob("uploads/*")))
    assert api.get("/health/live").status == 200
    assert "Traceback" not in api.messages.read_text()


def test_requests_that_are_not_http_do_not_fill_the_log(api: ApiServer) -> None:
    start = time.monotonic()
    for _ in range(200):
        assert api.ask(b"?\r\n\r\n").status == 400
    warnings = api.messages.read_text().count("Invalid HTTP request")
    assert 1 <= warnings <= time.monotonic() - start + 1


# Time


def test_a_connection_without_a_complete_request_head_is_closed_after_15_s(api: ApiServer) -> None:
    starts = (b"", b"G", b"GET / HTTP/1.1\r\nHost: x\r\n", get("/health/live")[:-1])
    with ThreadPoolExecutor(len(starts)) as threads:
        waits = list(threads.map(lambda start: seconds_until_closed(api.connect(start)), starts))
    assert all(14 < wait < 18 for wait in waits), waits


def test_single_bytes_do_not_gain_a_request_head_more_time(api: ApiServer) -> None:
    with api.connect(get("/health/live")) as connection:
        assert read_answer(connection).status == 200
        start = time.monotonic()
        for byte in get("/health/live", b"X-Slow: " + b"x" * 1_000):
            try:
                connection.sendall(bytes([byte]))
                connection.settimeout(0.2)
                if not connection.recv(1):
                    break
            except TimeoutError:
                continue
            except ConnectionError:
                break
        assert 14 < time.monotonic() - start < 18


def test_an_idle_connection_is_closed_after_its_keep_alive(api: ApiServer) -> None:
    with api.connect(get("/health/live")) as connection:
        assert read_answer(connection).status == 200
        assert 4 < seconds_until_closed(connection) < 8


def test_a_slow_body_and_a_slow_answer_have_no_time_limit(api: ApiServer) -> None:
    """Given clients that read nothing for 18 s, I expect whole answers, also from one that has filled its buffers."""
    script = "/static/docs/redoc.js"
    length = len(api.get(script).body)
    head = b"PUT /api/v1/sources/x.csv HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"
    with api.connect(head) as writer, ExitStack() as connections:
        readers = [connections.enter_context(socket.socket()) for _ in range(8)]
        for number, reader in enumerate(readers):
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            reader.connect(("127.0.0.1", api.port))
            reader.sendall(get(script) * number + get(script, b"Connection: close"))
        for byte in b"abc":
            writer.sendall(bytes([byte]))
            time.sleep(6)
        writer.sendall(b"d")
        assert read_answer(writer).status == 201
        for number, reader in enumerate(readers):
            assert len(reader.makefile("rb").read()) > (number + 1) * length


def test_pipelined_requests_are_answered_in_their_order(api: ApiServer) -> None:
    targets = ("/health/live", "/api/v1/nothing", "/health/ready", "/health/live?x=1") * 5
    with api.connect(b"".join(map(get, targets))) as connection, connection.makefile("rb") as answers:
        statuses = []
        for _ in targets:
            statuses.append(int(answers.readline().split()[1]))
            length = 0
            while line := answers.readline().strip():
                name, _, value = line.partition(b": ")
                length = int(value) if name == b"content-length" else length
            answers.read(length)
        assert statuses == [200, 404, 200, 422] * 5


# File descriptors


def test_without_free_file_descriptors_new_clients_wait_and_the_log_stays_small(tmp_path: Path, redis_url: str) -> None:
    with api_server(tmp_path, redis_url, limit="-n 64") as api, ExitStack() as connections:
        for _ in range(100):
            connections.enter_context(api.connect())
        wait_until("many connections", lambda: descriptors(api) > 40)
        before, start = len(api.messages.read_bytes()), time.monotonic()
        with api.connect(get("/health/live")) as waiting:
            waiting.settimeout(4)
            with pytest.raises(TimeoutError):
                waiting.recv(1)
            logged = api.messages.read_bytes()[before:]
            assert len(logged.splitlines()) <= time.monotonic() - start + 2, logged[:2_000]
            assert b"file descriptors" in api.messages.read_bytes()
            connections.close()
            assert read_answer(waiting).status == 200
        assert api.get("/health/ready").status == 200
        put = Request(f"{api.url}/api/v1/sources/x.csv", data=b"x", method="PUT", headers={"Content-Type": "text/csv"})
        assert urlopen(put, timeout=120).status == 201


def test_connections_leave_file_descriptors_for_the_work_itself(tmp_path: Path, redis_url: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text("x")
    with api_server(tmp_path, redis_url, limit="-n 64") as api, api.connect() as early, ExitStack() as connections:
        for _ in range(100):
            connections.enter_context(api.connect())
        wait_until("many connections", lambda: descriptors(api) > 40)
        for target in ("/api/v1/sources", "/api/v1/jobs", "/static/docs/favicon.png"):
            early.sendall(get(target))
            answer = read_answer(early)
            assert answer.status == 200, answer.body
            assert "sources" not in target or len(json.loads(answer.body)["items"]) == 1


# Answers to bodies that nobody reads


def put(api: ApiServer, headers: dict[str, str] | None = None) -> int:
    """The status that urllib sees, which asks the API to close the connection."""
    sent = {"Content-Type": "text/csv", **(headers or {})}
    request = Request(f"{api.url}/api/v1/sources/x.csv", data=BODY, method="PUT", headers=sent)
    with pytest.raises(HTTPError) as refused, urlopen(request, timeout=120):
        pass
    status: int = json.loads(refused.value.read())["status"]
    assert status == refused.value.code
    return status


def put_on_kept_connection(api: ApiServer, headers: dict[str, str], *, chunked: bool) -> tuple[int, int]:
    """The statuses that http.client sees: that of the upload, and that of a GET after it on the same client."""
    connection = HTTPConnection("127.0.0.1", api.port, timeout=120)
    chunks = (BODY[start : start + (1 << 20)] for start in range(0, len(BODY), 1 << 20))
    connection.request("PUT", "/api/v1/sources/x.csv", chunks if chunked else BODY, headers, encode_chunked=chunked)
    with connection.getresponse() as response:
        assert json.loads(response.read())["status"] == response.status
    connection.request("GET", "/health/live")
    with connection.getresponse() as second:
        second.read()
    connection.close()
    return response.status, second.status


#: A status, the settings that lead to it, and the headers of the upload.
REFUSALS = {
    "too large": (413, {"MAX_UPLOAD_BYTES": "1000000"}, {}),
    "no key": (401, {"API_KEY": KEY}, {}),
    "another origin": (403, {}, {"Origin": "https://elsewhere.example"}),
    "another type": (415, {}, {"Content-Type": "application/json"}),
    "too many calls": (429, {"RATE_LIMIT": "1"}, {}),
    "too large a header": (431, {}, {"Cookie": "x" * MAX_HEADER_BYTES}),
}


@pytest.mark.parametrize(("status", "variables", "headers"), REFUSALS.values(), ids=REFUSALS)
def test_the_refusal_of_an_upload_reaches_the_client(
    tmp_path: Path, redis_url: str, status: int, variables: dict[str, str], headers: dict[str, str]
) -> None:
    with api_server(tmp_path, redis_url, **variables) as api:
        if status == 429:
            assert api.get("/api/v1/jobs").status == 200
        assert [put(api, headers) for _ in range(10)] == [status] * 10
        for chunked in (False, True):
            assert put_on_kept_connection(api, headers, chunked=chunked) == (status, 200)
        assert not list((tmp_path / "uploads").glob("*"))
        assert "Traceback" not in api.messages.read_text()


def test_an_upload_that_does_not_fit_on_the_disk_is_a_507_that_reaches_the_client(
    tmp_path: Path, redis_url: str
) -> None:
    with api_server(tmp_path, redis_url, limit="-f 2048") as api:
        assert [put(api) for _ in range(10)] == [507] * 10
        assert put_on_kept_connection(api, {}, chunked=True) == (507, 200)
        assert not list((tmp_path / "uploads").glob("*"))


def test_a_client_that_never_stops_sending_is_cut_off(tmp_path: Path, redis_url: str) -> None:
    head = b"PUT /api/v1/sources/x.csv HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n" % 10**15
    with api_server(tmp_path, redis_url) as api:
        for end in (b"\r\n", b"Connection: close\r\n\r\n"):
            with api.connect(head + end) as endless:
                assert is_problem(read_answer(endless), 413)
                with pytest.raises(ConnectionError):
                    endless.sendall(BODY * 100)
            with api.connect(head + end) as silent:
                assert is_problem(read_answer(silent), 413)
                silent.settimeout(20)
                start = time.monotonic()
                wait_until("the end of the connection", lambda: _is_reset(silent), 20)
                assert time.monotonic() - start < 15


def _is_reset(connection: socket.socket) -> bool:
    try:
        connection.sendall(b"x")
    except ConnectionError:
        return True
    return False


def test_a_stop_does_not_wait_for_clients_that_do_nothing(tmp_path: Path, redis_url: str) -> None:
    head = b"PUT /api/v1/sources/x.csv HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n"
    with api_server(tmp_path, redis_url, MAX_UPLOAD_BYTES="5") as api, ExitStack() as connections:
        for end in (b"\r\n", b"Connection: close\r\n\r\n"):
            assert read_answer(connections.enter_context(api.connect(head + end))).status == 413
        for start in (head.replace(b"10", b"4") + b"\r\n", b"GET", b""):
            connections.enter_context(api.connect(start))
        wait_until("the upload", lambda: list(tmp_path.glob("uploads/.upload-*")))
        api.process.terminate()
        assert api.process.wait(30) == 0
        assert "Traceback" not in api.messages.read_text()
    assert not list((tmp_path / "uploads").glob("*"))


def test_a_port_that_is_taken_is_one_sentence(api: ApiServer, tmp_path: Path) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "api.main"],
        env=environment({"AUTOCONNECT_REDIS_URL": "redis://127.0.0.1:1/0", "AUTOCONNECT_PORT": str(api.port)}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=tmp_path,
    )
    assert second.returncode == 1
    assert "where the API cannot listen: Address already in use; expected" in second.stderr
    assert "Traceback" not in second.stderr


def test_a_host_name_is_listened_on_at_all_its_addresses() -> None:
    sockets = listening_sockets("localhost", 0)
    families = {entry[0] for entry in socket.getaddrinfo("localhost", 0, type=socket.SOCK_STREAM)}
    assert {one.family for one in sockets} == families
    assert {one.proto for one in sockets} == {socket.IPPROTO_TCP}
    for one in sockets:
        one.close()
