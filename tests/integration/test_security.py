"""Keys, origins, limits and headers of the API, on a real Redis; some tests use a real connection."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import Request

from api.dashboard import PAGES
from api.limits import MAX_BODY_BYTES, RateCheck
from api.problems import Problem
from autoconnect.errors import SettingsError
from autoconnect.settings import Settings, load_settings
from tests.e2e.processes import autoconnect, environment
from tests.e2e.waiting import free_port, wait_until
from tests.integration.stack import Serve, Stack

FIRST, SECOND = "0123456789abcdef", "fedcba9876543210"
HEADERS = (
    *("content-security-policy", "x-content-type-options", "x-frame-options", "referrer-policy"),
    *("cross-origin-opener-policy", "cross-origin-resource-policy", "permissions-policy"),
)


def is_problem(response: httpx2.Response, status: int) -> bool:
    return (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")


CHANGES = (
    *(("POST", "/jobs"), ("DELETE", "/jobs/x"), ("POST", "/jobs/x/retry")),
    *(("PUT", "/sources/x.csv"), ("DELETE", "/sources/x.csv"), ("PATCH", "/nothing")),
)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-API-Key": ""},
        {"X-API-Key": "wrong"},
        {"X-API-Key": FIRST[:-1]},
        {"X-API-Key": f"{FIRST},{SECOND}"},
        {"X-API-Key": "clé".encode()},
        {"Authorization": f"Bearer {FIRST}x"},
        {"Authorization": FIRST},
        {"Authorization": f"Basic {FIRST}"},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong", "X-API-Key": FIRST},
        {"Authorization": "nonsense", "X-API-Key": FIRST},
        {"Authorization": f"Bearer {FIRST}", "X-API-Key": "wrong"},
        [("X-API-Key", FIRST), ("X-API-Key", "wrong")],
        [("Authorization", f"Bearer {FIRST}"), ("Authorization", "Bearer wrong")],
        {"Host": "x/health/?", "X-API-Key": "wrong"},
    ],
)
def test_a_change_is_refused_without_a_key_or_with_any_wrong_key(serve: Serve, headers: Any) -> None:
    api = serve(api_key=f"{FIRST},{SECOND}")
    for method, path in CHANGES:
        response = api.request(method, f"/api/v1{path}", headers=headers)
        assert is_problem(response, 401), response.text
        assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("key", [FIRST, SECOND])
def test_each_of_several_keys_is_accepted_in_either_header(serve: Serve, key: str) -> None:
    api = serve(api_key=f" {FIRST}, {SECOND},")
    both = {"X-API-Key": FIRST, "Authorization": f"Bearer {SECOND}"}
    for headers in ({"X-API-Key": key}, {"Authorization": f"bearer {key}"}, both):
        assert api.delete("/api/v1/jobs/x", headers=headers).status_code == 404


def test_reading_needs_a_key_only_if_the_settings_say_so(serve: Serve) -> None:
    reads = ["/api/v1/jobs", "/api/v1/metrics", "/api/v1/nothing", "/metrics"]
    always_open = ["/health/live", "/health/ready", *PAGES, "/docs", "/redoc", "/openapi.json"]
    always_open.append("/static/docs/swagger-ui.css")
    api = serve(api_key=FIRST)
    assert [api.get(path).status_code for path in reads] == [200, 200, 404, 200]
    api = serve(api_key=FIRST, api_key_for_reading=True)
    assert [api.get(path).status_code for path in always_open] == [200] * len(always_open)
    assert [api.get(path).status_code for path in reads] == [401] * len(reads)
    assert [api.get(path, headers={"X-API-Key": FIRST}).status_code for path in reads] == [200, 200, 404, 200]
    assert api.get("/api/v1/jobs", headers={"Host": "x/health/?"}).status_code == 401


def test_the_openapi_document_says_which_calls_need_a_key(serve: Serve) -> None:
    for reading in (False, True):
        document = serve(api_key=FIRST, api_key_for_reading=reading).get("/openapi.json").json()
        assert set(document["components"]["securitySchemes"]) == {"HTTPBearer", "APIKeyHeader"}
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                needed = method != "get" or (reading and not path.startswith("/health"))
                assert bool(operation.get("security")) == needed, (method, path)


def test_keys_in_a_file_are_separated_by_line_breaks_or_commas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "keys").write_text(f"{FIRST}\n{SECOND}, reports:read:0123456789-third\n")
    monkeypatch.setenv("AUTOCONNECT_API_KEY_FILE", str(tmp_path / "keys"))
    assert [key.key for key in load_settings().api_keys] == [FIRST, SECOND, "0123456789-third"]


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("API_KEY", " , ", "API_KEY: it holds no key; expected one or more, separated by commas."),
        ("API_KEY", "s3crét", "API_KEY: it has characters that a header cannot carry; expected printable ASCII."),
        ("API_KEY_FOR_READING", "1", "API_KEY_FOR_READING is true; expected AUTOCONNECT_API_KEY to be set too."),
        ("CORS_ORIGINS", "a.example", "'a.example' is not an origin; expected scheme and host, such as https://"),
        ("CORS_ORIGINS", "*", "CORS_ORIGINS has '*' and AUTOCONNECT_API_KEY is not set, so any web page could"),
        ("CORS_ORIGINS", "https://a.example, *", "expected AUTOCONNECT_API_KEY to be set too, or origins instead of"),
        ("RATE_LIMIT", "0", "RATE_LIMIT is '0': input should be greater than 0."),
        ("REDIS_URL", "redis://:s3cr3t/x@h:1", "REDIS_URL: host and port cannot be read"),
        (
            "REDIS_URL",
            "http://:s3cr3t@h:1",
            "REDIS_URL: the scheme is unknown; expected redis://, rediss:// or unix://.",
        ),
    ],
)
def test_the_error_about_an_unusable_setting_has_no_secret(
    name: str, value: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"AUTOCONNECT_{name}", value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert sentence in str(caught.value)
    assert "s3cr" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"host": "0.0.0.0"}, "127.0.0.1"),
        ({"host": "192.0.2.1"}, "127.0.0.1"),
        ({"host": "::"}, "127.0.0.1"),
        ({"host": "reports.example"}, "127.0.0.1"),
        ({"host": "localhost"}, "localhost"),
        ({"host": "127.0.0.2"}, "127.0.0.2"),
        ({"host": "::1"}, "::1"),
        ({"host": "0.0.0.0", "api_key": FIRST}, "0.0.0.0"),
        ({"host": "0.0.0.0", "open_without_key": True}, "0.0.0.0"),
    ],
)
def test_without_a_key_the_api_listens_on_this_machine_only(settings: dict[str, Any], expected: str) -> None:
    assert Settings(**settings).listen_host == expected


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://testserver.evil.example", "testserver"])
def test_a_page_of_another_origin_can_read_but_change_nothing(serve: Serve, origin: str) -> None:
    api = serve()
    response = api.post("/api/v1/jobs", headers={"Origin": origin})
    assert is_problem(response, 403), response.text
    read = api.get("/api/v1/jobs", headers={"Origin": origin})
    assert read.json()["items"] == []
    assert "access-control-allow-origin" not in read.headers


def test_a_page_is_apis_own_origin_or_of_a_named_one_may_call(serve: Serve) -> None:
    named = {"Origin": "https://reports.example"}
    api = serve(cors_origins="https://reports.example, http://localhost:3000")
    assert api.delete("/api/v1/jobs/x", headers={"Origin": "http://testserver"}).status_code == 404
    answer = api.delete("/api/v1/jobs/x", headers=named)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (404, named["Origin"])
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key,content-type"}
    assert api.options("/api/v1/jobs", headers=named | asked).status_code == 200
    assert api.options("/api/v1/jobs", headers={"Origin": "https://evil.example"} | asked).status_code == 400


@pytest.mark.parametrize("host", ["evil.com", "evil.com.:8000", "127.0.0.1.nip.io", "localhost.evil.com:8000", "["])
def test_without_a_key_a_host_name_that_others_could_point_here_is_refused(serve: Serve, host: str) -> None:
    for method, path in (("GET", "/api/v1/jobs"), ("POST", "/api/v1/jobs"), ("GET", "/docs"), ("GET", "/metrics")):
        assert is_problem(serve().request(method, path, headers={"Host": host}), 403)
    assert serve(api_key=FIRST).get("/api/v1/jobs", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1:8000", "10.0.0.7", "[::1]:8000", "localhost:8000", "api:8000", "x.localhost", "mac.local", ""),
        *("host.docker.internal:8000", "api.autoconnect.svc", "REPORTS.example", "name.example:8000"),
    ],
)
def test_addresses_private_names_and_configured_names_are_served_without_a_key(serve: Serve, host: str) -> None:
    api = serve(cors_origins="https://reports.example:8443", host="name.example")
    assert api.get("/api/v1/jobs", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    ("media_type", "status"),
    [
        ("application/json", 422),
        ("Application/JSON; charset=utf-8", 422),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        (None, 415),
    ],
)
def test_a_job_is_submitted_as_json(serve: Serve, media_type: str | None, status: int) -> None:
    headers = {"Content-Type": media_type} if media_type else {}
    assert is_problem(serve().post("/api/v1/jobs", content=b'{"sauce": 1}', headers=headers), status)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 201),
        ({"Content-Type": "text/csv; charset=utf-8"}, 201),
        ({"Content-Type": "application/octet-stream"}, 201),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 201),
        ({"Content-Type": "application/json"}, 415),
        ({"Content-Type": "multipart/form-data; boundary=x"}, 415),
        ({"Content-Encoding": "gzip"}, 415),
    ],
)
def test_a_source_is_uploaded_as_csv_or_without_a_specific_type(
    serve: Serve, stack: Stack, headers: dict[str, str], status: int
) -> None:
    response = serve().put("/api/v1/sources/x.csv", content=b"id", headers=headers)
    assert response.status_code == status, response.text
    assert (stack.settings.upload_dir / "x.csv").exists() == (status == 201)


def test_a_body_that_is_not_an_upload_is_limited_whatever_its_content_length(serve: Serve) -> None:
    api, headers = serve(), {"Content-Type": "application/json"}
    fits = b'{"source": "x.csv"}'.ljust(MAX_BODY_BYTES)
    assert api.post("/api/v1/jobs", content=fits + b" ", headers=headers).status_code == 413
    assert is_problem(api.post("/api/v1/jobs", content=iter([fits, b" "]), headers=headers), 413)
    assert is_problem(api.post("/api/v1/jobs", content=fits, headers={**headers, "Content-Length": "-1"}), 400)
    assert is_problem(api.post("/api/v1/jobs", content=fits, headers={**headers, "Content-Length": "9" * 5_000}), 400)
    assert api.get("/api/v1/jobs").json()["items"] == []
    response = api.post("/api/v1/jobs", content=fits, headers=headers)
    assert response.status_code == 202
    assert api.delete(f"/api/v1/jobs/{response.json()['id']}").status_code == 200


def test_an_address_that_calls_too_often_waits_and_then_may_call_again() -> None:
    now = [0.0]
    check = RateCheck(3, clock=lambda: now[0])

    def allowed(address: str, path: str = "/api/v1/jobs") -> bool:
        request = Request({"type": "http", "method": "GET", "path": path, "client": (address, 1), "headers": []})
        try:
            check(request)
        except Problem as problem:
            return problem.status != 429
        return True

    assert [allowed("a") for _ in range(4)] == [True, True, True, False]
    assert allowed("b")
    assert allowed("a", "/health/live")
    now[0] = 20.0
    assert [allowed("a") for _ in range(2)] == [True, False]
    now[0] = 1_000.0
    assert [allowed("a") for _ in range(4)] == [True, True, True, False]


def test_calls_beyond_the_rate_limit_are_told_when_to_retry_and_wrong_keys_count(serve: Serve) -> None:
    api = serve(rate_limit=2, api_key=FIRST)
    assert [api.post(path).status_code for path in ("/api/v1/jobs", "/docs", "/docs")] == [401, 401, 429]
    refused = api.get("/api/v1/jobs", headers={"X-Forwarded-For": "192.0.2.7"})
    assert is_problem(refused, 429)
    assert 1 <= int(refused.headers["retry-after"]) <= 31


def test_every_answer_has_the_headers_that_protect_browsers(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("raised by this test")

    monkeypatch.setattr("api.routes.queue.queues.queues", fail)
    api = serve(api_key=FIRST)
    answers = [
        *(api.get(path) for path in ("/docs", "/redoc", "/openapi.json", "/health/live", "/static/docs/favicon.png")),
        *(api.get(path) for path in ("/api/v1/jobs", "/api/v1/metrics/summary", "/nothing", "/api/v1/queues")),
        api.post("/api/v1/jobs"),
        api.get("/api/v1/jobs", params={"limit": "x"}),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 200, 200, 404, 404, 500, 401, 422]
    for answer in answers:
        assert [name for name in HEADERS if name not in answer.headers] == []
        scripts = answer.headers["content-security-policy"].partition("script-src ")[2].partition(";")[0]
        assert scripts == "'self'"
        is_api = answer.url.path.startswith("/api/")
        assert (answer.headers.get("cache-control") == "no-store") == is_api, answer.url
    assert "raised by this test" not in answers[8].text
    assert "raised by this test" in capsys.readouterr().out


# Over a real connection: requests that no client library sends, and an API process that is killed.


@contextmanager
def api_process(stack: Stack, **variables: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The API as a process that listens, and its port; `process.stdout` has all its output."""
    port = free_port()
    settings = {
        "REDIS_URL": stack.settings.needed_redis_url(),
        "DATA_DIR": str(stack.settings.data_dir),
        "UPLOAD_DIR": str(stack.settings.upload_dir),
        "PORT": str(port),
        **variables,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "api.main"],
        env=environment({f"AUTOCONNECT_{name}": value for name, value in settings.items()}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        try:
            wait_until("the API", lambda: process.poll() is not None or _listens(port))
            yield process, port
        finally:
            process.terminate()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def send(port: int, request: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)
    connection.sendall(request)
    return connection


def status_of(connection: socket.socket) -> int:
    return int(connection.recv(1_000).split()[1])


def unfinished_uploads(stack: Stack) -> list[Path]:
    """Files of uploads that are under way or were left over."""
    return list(stack.settings.upload_dir.glob(".upload-*"))


def test_an_upload_that_breaks_off_or_has_a_wrong_length_leaves_nothing(stack: Stack) -> None:
    put = b"PUT /api/v1/sources/x.csv HTTP/1.1\r\nHost: x\r\n"
    with api_process(stack, MAX_UPLOAD_BYTES="1000") as (_, port):
        with send(port, put + b"Content-Length: 500\r\n\r\nhalf"):
            wait_until("the upload", lambda: unfinished_uploads(stack))
        wait_until("its end", lambda: not unfinished_uploads(stack))
        with send(port, put + b"Content-Length: 1001\r\n\r\n") as connection:
            assert status_of(connection) == 413
        chunk = b"1f4\r\n" + b"x" * 500 + b"\r\n"
        with send(port, put + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 3) as connection:
            assert status_of(connection) == 413
        for length in (b"x", b"-1", b"1, 2"):
            with send(port, put + b"Content-Length: " + length + b"\r\n\r\n") as connection:
                assert status_of(connection) == 400
        wait_until("nothing left over", lambda: list(stack.settings.upload_dir.iterdir()) == [])
        with send(port, b"GET /api/v1/jobs?cursor=" + b"9" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n") as connection:
            assert 400 <= status_of(connection) < 500
        assert httpx2.get(f"http://127.0.0.1:{port}/health/live").status_code == 200


def test_a_start_removes_the_uploads_of_a_killed_api_but_not_those_of_a_running_one(stack: Stack) -> None:
    put = b"PUT /api/v1/sources/x.csv HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\nhalf"
    with api_process(stack) as (killed, port), send(port, put):
        (leftover,) = wait_until("the upload", lambda: unfinished_uploads(stack))
        killed.kill()
        killed.wait()
        with api_process(stack) as (_, port), send(port, put) as upload:
            (written,) = wait_until(
                "another upload, alone",
                lambda: unfinished_uploads(stack) if leftover not in unfinished_uploads(stack) else None,
            )
            with api_process(stack):
                assert unfinished_uploads(stack) == [written]
            upload.sendall(b"half")
            assert status_of(upload) == 201
    assert [path.name for path in stack.settings.upload_dir.iterdir()] == ["x.csv"]


def test_concurrent_uploads_of_one_name_leave_one_of_them_complete(stack: Stack) -> None:
    bodies = [bytes([letter]) * 300_000 for letter in b"abcdefgh"]
    start = threading.Barrier(len(bodies))
    with api_process(stack) as (_, port):

        def put(body: bytes) -> int:
            start.wait()
            return httpx2.put(f"http://127.0.0.1:{port}/api/v1/sources/x.csv", content=body).status_code

        with ThreadPoolExecutor(len(bodies)) as threads:
            assert set(threads.map(put, bodies)) <= {200, 201}
    assert [path.name for path in stack.settings.upload_dir.iterdir()] == ["x.csv"]
    assert (stack.settings.upload_dir / "x.csv").read_bytes() in bodies


def test_an_upload_that_cannot_be_stored_is_a_507(serve: Serve, stack: Stack) -> None:
    (stack.settings.upload_dir / "folder.csv").mkdir(parents=True)
    response = serve().put("/api/v1/sources/folder.csv", content=b"id")
    assert is_problem(response, 507)
    assert response.json()["detail"] == "The upload cannot be stored: Is a directory."
    assert unfinished_uploads(stack) == []


def test_deleting_a_link_among_the_uploads_leaves_its_target(serve: Serve, stack: Stack) -> None:
    api, uploads = serve(), stack.settings.upload_dir
    api.put("/api/v1/sources/june.csv", content=b"id")
    (uploads / "link.csv").symlink_to("june.csv")
    (uploads / "out.csv").symlink_to(stack.settings.data_dir / stack.write("x", "data.csv"))
    assert api.delete("/api/v1/sources/link.csv").status_code == 204
    assert api.delete("/api/v1/sources/out.csv").status_code == 422
    assert api.put("/api/v1/sources/out.csv", content=b"new").status_code in (200, 201)
    assert api.delete("/api/v1/sources/out.csv").status_code == 204
    assert (uploads / "june.csv").exists()
    assert (stack.settings.data_dir / "data.csv").read_text() == "x"


@pytest.mark.parametrize(
    ("variables", "warning"),
    [
        ({"HOST": "0.0.0.0"}, "listening on this machine only"),
        ({"HOST": "0.0.0.0", "OPEN_WITHOUT_KEY": "true"}, "any client can change things"),
        ({"HOST": "0.0.0.0", "API_KEY": FIRST}, ""),
        ({}, ""),
    ],
)
def test_the_api_warns_at_its_start_about_a_public_host_without_a_key(
    stack: Stack, variables: dict[str, str], warning: str
) -> None:
    with api_process(stack, **variables) as (process, _):
        process.terminate()
        assert process.stdout is not None
        output = process.stdout.read()
    assert process.returncode == 0
    assert warning in output
    assert bool(warning) == ("warning" in output), output


def test_an_ipv6_address_is_tried_and_shown_in_brackets(tmp_path: Path) -> None:
    """Given an address that is in use or that this machine does not have / I expect the error to say which"""
    port, reason = free_port(), "Address already in use"
    with ExitStack() as taken:
        try:
            taken.enter_context(socket.create_server(("::1", port), family=socket.AF_INET6))
        except OSError as error:
            reason = os.strerror(error.errno or 0)
        refused = autoconnect("up", "--port", str(port), cwd=tmp_path, extra={"AUTOCONNECT_HOST": "::1"})
    assert (refused.returncode, refused.stderr) == (
        1,
        f"autoconnect: Cannot listen on [::1]:{port}: {reason}; choose another port with --port.\n",
    )


def test_the_command_line_sends_the_first_of_its_keys(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(f"{SECOND}\nthe key of another API\n")
    with api_process(stack, API_KEY=f"{FIRST},{SECOND}", API_KEY_FOR_READING="true") as (_, port):
        reached = {"AUTOCONNECT_URL": f"http://127.0.0.1:{port}"}
        by_variable = {**reached, "AUTOCONNECT_API_KEY": f"{FIRST},the key of another API"}
        submitted = autoconnect("jobs", "submit", "--json", cwd=tmp_path, extra=by_variable)
        assert submitted.returncode == 0, submitted.stderr
        job_id = json.loads(submitted.stdout)["job"]["id"]
        by_file = {**reached, "AUTOCONNECT_API_KEY_FILE": str(tmp_path / "keys")}
        cancelled = autoconnect("jobs", "cancel", job_id, cwd=tmp_path, extra=by_file)
        refused = autoconnect("jobs", "list", cwd=tmp_path, extra=reached)
    assert refused.returncode == 1
    assert "This call needs an API key, and none was sent" in refused.stderr
    assert cancelled.returncode == 0, cancelled.stderr
