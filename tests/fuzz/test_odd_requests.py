"""Requests that no client library sends get ordinary answers: never 5xx, and errors as problem documents."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.client import HTTPException, HTTPResponse

import pytest

from tests.e2e.processes import Up
from tests.fuzz.openapi import KEY

_TIMEOUT_S = 30
_JSON = b"application/json"
_TEXTS = (
    "%00",
    "%ff",
    "%ed%a0%80",
    "%c0%ae",
    "%0d%0aX:%20y",
    "%F0%9F%92%A9",
    "..%2f..",
    "%2e%2e",
    "'%22;--",
    "%25s%25n",
)
_NUMBERS = (
    "9" * 5_000,
    "-1",
    "0",
    "1e400",
    "NaN",
    "inf",
    "9007199254740993",
    "1.5",
    "0x10",
    "%D9%A1",
    "",
    "%2B1",
    "1_0",
)
_VALUES = (
    b"\xff\xfe",
    b"\xc3\xa9",
    b"a" * 20_000,
    b"",
    b",;,;=",
    b"*/*;q=NaN",
    b"text/csv;q=1e999",
    b"text/*;q=-1, */*;q=0",
)
_DEEP = 10_000


def request(method: str, target: str, *headers: tuple[str, bytes], body: bytes = b"", host: bytes = b"stack") -> bytes:
    """The bytes of a request with the API key; nothing is escaped or corrected."""
    lines = [f"{method} {target} HTTP/1.1".encode(), b"Host: " + host, b"Authorization: Bearer " + KEY.encode()]
    lines += [name.encode() + b": " + value for name, value in headers]
    return b"\r\n".join([*lines, b"Connection: close", b"", body])


def with_body(method: str, target: str, body: bytes, media_type: bytes = _JSON) -> bytes:
    return request(method, target, ("Content-Type", media_type), ("Content-Length", b"%d" % len(body)), body=body)


def chunked(chunks: bytes) -> bytes:
    return request("POST", "/api/v1/jobs", ("Content-Type", _JSON), ("Transfer-Encoding", b"chunked"), body=chunks)


def paths() -> Iterator[bytes]:
    for text in (*_TEXTS, "a" * 300, "%C3%A9" * 120, "a" * 50_000):
        for path in ("jobs/{}", "jobs/{}/batches", "jobs/{}/rejects", "jobs/{}/events", "metrics/{}", "sources/{}.csv"):
            yield request("GET", f"/api/v1/{path.format(text)}")
        for path in (f"/{text}", f"/static/{text}", f"/api/v1/{text}", f"//{text}"):
            yield request("GET", path)
        yield request("DELETE", f"/api/v1/jobs/{text}")
        yield with_body("POST", f"/api/v1/jobs/{text}/retry", b"")
        yield with_body("PUT", f"/api/v1/sources/{text}.csv", b"a,b\n", b"text/csv")
        yield request("DELETE", f"/api/v1/sources/{text}.csv")


def queries() -> Iterator[bytes]:
    for text in (*_TEXTS, *_NUMBERS):
        for name in ("city", "model", "from", "to", "type", "job", "format", "partial", "n", text):
            yield request("GET", f"/api/v1/metrics/top-models?{name}={text}")
        for name in ("group_by", "measures", "order", "limit", "job"):
            yield request("GET", f"/api/v1/query?{name}={text}")
        for target in ("jobs?status", "jobs?cursor", "jobs?limit", "metrics/trend?months"):
            yield request("GET", f"/api/v1/{target}={text}")
        for target in ("batches", "rejects"):
            yield request("GET", f"/api/v1/jobs/latest/{target}?cursor={text}&limit={text}")
        yield request("GET", f"/api/v1/metrics/summary?from={text}-01&to={text}-12-31")


def long_queries() -> Iterator[bytes]:
    for query in ("&" * 30_000, "city=x&" * 4_000, f"city={'x' * 50_000}", "=&=&=", "%", "%zz"):
        for target in ("metrics/summary", "query", "jobs", "sources"):
            yield request("GET", f"/api/v1/{target}?{query}")


def headers() -> Iterator[bytes]:
    conditions = ("If-None-Match", "If-Modified-Since", "Range", "Last-Event-ID")
    for value in _VALUES:
        for name in ("Accept", "Accept-Encoding", "Cookie", "Authorization", "X-API-Key", "Upgrade", *conditions):
            yield request("GET", "/api/v1/metrics/summary", (name, value))
        for name in ("Idempotency-Key", "Content-Type", "Content-Encoding", "Origin", "Expect", "X-Forwarded-For"):
            yield request("POST", "/api/v1/jobs", (name, value), ("Content-Length", b"2"), body=b"{}")
            yield request("PUT", "/api/v1/sources/a.csv", (name, value), ("Content-Length", b"2"), body=b"{}")
        yield request(
            "POST", "/api/v1/jobs", ("Content-Type", b"application/json; charset=" + value), *_length(2), body=b"{}"
        )


def hosts() -> Iterator[bytes]:
    for host in (b"elsewhere.example", b"", b"[::1", b"a:99999999", b"\xff", b"a/b", b"a@b", b"x" * 5_000):
        for target in ("/", "/docs", "/openapi.json", "/api/v1/jobs", "/api/v1/jobs/", "/api/v1/jobs/none"):
            yield request("GET", target, host=host)


def methods() -> Iterator[bytes]:
    for method in ("HEAD", "OPTIONS", "TRACE", "PATCH", "CONNECT", "BREW", "get", "PROPFIND"):
        for target in ("/", "/metrics", "/health/live", "/api/v1/jobs", "/api/v1/metrics/summary", "/nothing", "*"):
            yield request(method, target)
    yield request("OPTIONS", "/api/v1/jobs", ("Origin", b"null"), ("Access-Control-Request-Method", b"\xff"))


def bodies() -> Iterator[bytes]:
    sources = (
        b"NaN",
        b"Infinity",
        b'"\\u0000"',
        b'"\\ud800"',
        b'"\\udfff.csv"',
        b"1e999",
        b"9" * 5_000,
        b"[]",
        b"null",
        b'""',
    )
    malformed = (
        b"NaN",
        b"",
        b"{",
        b'"',
        b"\x00",
        b"\xff",
        b"\xef\xbb\xbf{}",
        '{"source": "é"}'.encode("utf-16"),
        b"{}" * 9,
    )
    deep = (b"[" * _DEEP + b"]" * _DEEP, b'{"source":' * 6_000 + b"1" + b"}" * 6_000, b"[" * 60_000)
    documents = [*(b'{"source": %s}' % value for value in sources), *malformed, *deep]
    documents += [b'{"source": "a.csv", "source": "../b.csv"}', b'{"source": "%s"}' % (b"a" * 4_097), b" " * 70_000]
    for document in documents:
        for media_type in (_JSON, b"application/json; charset=utf-16", b"text/plain"):
            yield with_body("POST", "/api/v1/jobs", document, media_type)
        yield with_body("GET", "/api/v1/jobs", document)
        yield with_body("DELETE", "/api/v1/jobs/none", document)


def chunked_bodies() -> Iterator[bytes]:
    yield chunked(b'f\r\n{"source": null\r\n1\r\n}\r\n0\r\n\r\n')
    yield chunked(b"2;name=value\r\n{}\r\n0\r\nTrailer: x\r\n\r\n")
    yield chunked(b"0\r\n\r\n")
    yield chunked(b"1\r\n \r\n" * 70_000 + b"0\r\n\r\n")
    yield chunked(b"11170\r\n" + b" " * 70_000 + b"\r\n0\r\n\r\n")


def broken_messages() -> Iterator[bytes]:
    """Messages that are not valid HTTP, which the server answers before the application sees them."""
    for length in (b"-1", b"x", b"1e3", b"9" * 50, b"2, 3", b"+2", b""):
        yield request("POST", "/api/v1/jobs", ("Content-Type", _JSON), ("Content-Length", length), body=b"{}")
        yield request("PUT", "/api/v1/sources/a.csv", ("Content-Length", length), body=b"{}")
    yield chunked(b"zz\r\n{}\r\n0\r\n\r\n")
    yield chunked(b"-2\r\n{}\r\n0\r\n\r\n")
    yield request(
        "POST", "/api/v1/jobs", ("Content-Length", b"2"), ("Transfer-Encoding", b"chunked"), body=b"0\r\n\r\n"
    )
    yield request("POST", "/api/v1/jobs", ("Transfer-Encoding", b"gzip, chunked"), body=b"0\r\n\r\n")
    yield request("GET", "/api/v1/jobs", ("Accept", b"\x00"))
    yield request("GET", "/api/v1/jobs", ("Accept", b"a" * 300_000))
    yield request("GET", "/api/v1/jobs\x00")
    yield request("GET", "/api/v1/jobs/é")
    yield request("GET", "http://elsewhere.example/api/v1/jobs")
    yield request("GET", "nothing")
    yield request("GET", f"/api/v1/query?{'a' * 200_000}")
    yield b"GET /api/v1/jobs HTTP/1.1\r\n\r\n"
    yield b"GET /api/v1/jobs HTTP/9.9\r\nHost: stack\r\n\r\n"
    yield b"GET /api/v1/jobs\r\n\r\n"
    yield b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"
    yield b"\r\n" * 10 + b"?\r\n\r\n"


@pytest.mark.parametrize(
    "requests",
    [paths, queries, long_queries, headers, hosts, methods, bodies, chunked_bodies],
    ids=lambda it: it.__name__,
)
def test_odd_requests_are_answered_below_500_and_errors_are_problems(
    stack: Up, requests: Callable[[], Iterator[bytes]]
) -> None:
    faults = [f"{fault}: {sent[:150]!r}" for sent in requests() if (fault := _fault(stack, sent))]
    assert not faults, "\n".join(faults)
    assert "Traceback" not in (stack.folder / "messages.txt").read_text()


@pytest.mark.parametrize("sent", list(broken_messages()), ids=lambda sent: repr(sent[:20] + sent[-20:]))
def test_a_broken_message_is_refused_or_cut_off_and_the_api_keeps_answering(stack: Up, sent: bytes) -> None:
    with suppress(ConnectionError, HTTPException):
        assert _answer(stack, sent)[0] < 500
    assert stack.answers()


def _length(size: int) -> tuple[tuple[str, bytes]]:
    return (("Content-Length", b"%d" % size),)


def _fault(stack: Up, sent: bytes) -> str | None:
    """The fault of the answer to the sent bytes, or None if it has none."""
    status, media_type, body = _answer(stack, sent)
    if status >= 500:
        return f"status {status}"
    if status < 400 or sent.startswith(b"HEAD"):
        return None
    if media_type != "application/problem+json":
        return f"status {status} as {media_type}: {body[:80]!r}"
    problem = json.loads(body)
    return None if problem["status"] == status and problem["detail"] else f"status {status} with {problem}"


def _answer(stack: Up, sent: bytes) -> tuple[int, str | None, bytes]:
    """Status, media type and body of the answer to the sent bytes."""
    host, port = stack.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), _TIMEOUT_S) as connection:
        connection.sendall(sent)
        response = HTTPResponse(connection, method=sent.partition(b" ")[0].decode("latin-1"))
        response.begin()
        return response.status, response.headers["content-type"], response.read()
