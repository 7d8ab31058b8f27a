"""Refuses requests before they are read: foreign pages and hosts, too many calls, wrong types, too large a request."""

import ipaddress
import time
from collections.abc import Callable, Collection
from functools import lru_cache
from urllib.parse import urlsplit

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

from api.access import SAFE_METHODS
from api.problems import Problem
from autoconnect.models import API_PREFIX

#: Bytes of path and query: a query with fifty names has about one KiB.
MAX_URL_BYTES = 8 << 10
#: Bytes of all headers, with colons and line ends: cookies of other services on the same host have a few KiB.
MAX_HEADER_BYTES = 32 << 10
#: Parameters of a call, and media ranges in its Accept.
MAX_PARAMETERS = MAX_RANGES = 100
#: Bytes of a colon, a space and a line end.
_HEADER_SEPARATORS = 4
#: Bytes of any body but an upload: a job request has a few hundred.
MAX_BODY_BYTES = 64 << 10
URL_TOO_LONG = f"The URL is longer than {MAX_URL_BYTES:,} bytes; send a shorter query."
HEADERS_TOO_LARGE = f"The headers are larger than {MAX_HEADER_BYTES:,} bytes; send fewer or shorter ones."
_TOO_LARGE = f"The body is larger than {MAX_BODY_BYTES:,} bytes."
_JSON_TYPES = ("application/json",)
#: `curl -T` sends no type, `curl --data-binary` that of a form, and a browser on Windows that of Excel.
_UPLOAD_TYPES = (
    *("", "text/csv", "text/plain", "text/tab-separated-values"),
    *("application/csv", "application/octet-stream", "application/vnd.ms-excel", "application/x-www-form-urlencoded"),
)
_FORM = (
    "Content-Type is 'multipart/form-data'; expected the file itself as the body of "
    f"PUT {API_PREFIX}/sources/NAME.csv: curl -T FILE, or curl -X PUT --data-binary @FILE."
)
#: Digits of a Content-Length: no body is longer than 10^18 bytes.
_MAX_DIGITS = 18
#: Suffixes that, like names without a dot, cannot be registered: a stranger cannot make them resolve to this machine.
_PRIVATE_SUFFIXES = (".localhost", ".local", ".internal", ".lan", ".home.arpa", ".svc", ".test")
#: Addresses that the rate limit remembers; it forgets the one that has been quiet longest.
_MAX_ADDRESSES = 10_000


class RateCheck:
    """Raises Problem 429 for an address that calls the API too often, as counted by this process alone.

    Each address has a bucket of a minute's calls, which refills at an even pace.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def __call__(self, request: Request) -> None:
        if request.method in SAFE_METHODS and not request.scope["path"].startswith("/api/"):
            return
        address, now = request.client.host if request.client else "", self._clock()
        remaining, last_call = self._buckets.pop(address, (float(self._per_minute), now))
        remaining = min(self._per_minute, remaining + (now - last_call) * self._per_minute / 60)
        allowed = remaining >= 1
        self._buckets[address] = (remaining - allowed, now)  # added last, so the first has been quiet longest
        if len(self._buckets) > _MAX_ADDRESSES:
            del self._buckets[next(iter(self._buckets))]
        if not allowed:
            wait_s = int((1 - remaining) * 60 / self._per_minute) + 1
            raise Problem(
                429,
                f"More than {self._per_minute:,} calls a minute came from {address} (AUTOCONNECT_RATE_LIMIT); "
                f"try again in {wait_s} s.",
                headers={"Retry-After": str(wait_s)},
            )


class OriginCheck:
    """Raises Problem 403 if a page of another origin tries to change something.

    A browser sends some requests for any page without asking the server first, such as a POST without a body.
    """

    def __init__(self, allowed: Collection[str]) -> None:
        self._allowed = allowed

    def __call__(self, request: Request) -> None:
        origin = request.headers.get("origin")
        if origin is None or request.method in SAFE_METHODS or "*" in self._allowed or origin in self._allowed:
            return
        if origin.partition("://")[2] != request.headers.get("host"):
            raise Problem(
                403,
                f"Pages of {origin[:200]!r} may not call this API; to allow it, add the origin to "
                "AUTOCONNECT_CORS_ORIGINS.",
            )


class HostCheck:
    """Raises Problem 403 for a request to a public host name, unless it is `host` or that of an allowed origin.

    It is needed while no key is set: otherwise a page could make its own name resolve to this machine, and browsers
    would treat the API as part of that page's origin (DNS rebinding).
    """

    def __init__(self, host: str, origins: Collection[str]) -> None:
        self._allowed = {host, *(urlsplit(origin).hostname for origin in origins)}

    def __call__(self, request: Request) -> None:
        host = request.headers.get("host", "")
        name = _name_of(host)
        if not _is_private(name) and name not in self._allowed:
            raise Problem(
                403,
                f"Host is {host[:200]!r}; expected an IP address or a private name, because no key is set; set "
                "AUTOCONNECT_API_KEY, or add the origin of this host to AUTOCONNECT_CORS_ORIGINS.",
            )


def check_head(request: Request) -> None:
    """Raises Problem if the URL (414), the headers (431) or the number of parameters (422) is above its limit."""
    url_bytes = len(request.scope["raw_path"]) + len(request.scope["query_string"]) + 1
    if url_bytes > MAX_URL_BYTES:
        raise Problem(414, URL_TOO_LONG)
    headers = request.headers.raw
    if sum(len(name) + len(value) + _HEADER_SEPARATORS for name, value in headers) > MAX_HEADER_BYTES:
        raise Problem(431, HEADERS_TOO_LARGE)
    ranges = sum(value.count(b",") + 1 for name, value in headers if name == b"accept")
    if ranges > MAX_RANGES:
        raise Problem(431, f"Accept has {ranges:,} media ranges; expected at most {MAX_RANGES}.")
    parameters = sum(map(bool, request.scope["query_string"].split(b"&")))
    if parameters > MAX_PARAMETERS:
        raise Problem(422, f"The URL has {parameters:,} parameters; expected at most {MAX_PARAMETERS}.")


def check_body(request: Request) -> None:
    """Raises Problem for an invalid Content-Length (400), or a body of the wrong type (415) or size (413)."""
    length = request.headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit() and len(length) <= _MAX_DIGITS):
        raise Problem(400, f"Content-Length is {length[:200]!r}; expected a number of bytes.")
    if int(length) == 0 and "transfer-encoding" not in request.headers:
        return
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "multipart/form-data" and request.scope["path"].startswith(f"{API_PREFIX}/sources"):
        raise Problem(415, _FORM)
    accepted = _UPLOAD_TYPES if is_upload(request) else _JSON_TYPES
    if media_type not in accepted:
        expected = "the CSV itself, as text/csv" if is_upload(request) else _JSON_TYPES[0]
        raise Problem(415, f"Content-Type is {media_type[:200]!r}; expected {expected}.")
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding != "identity":
        raise Problem(415, f"Content-Encoding is {encoding[:200]!r}; expected none.")
    if not is_upload(request) and int(length) > MAX_BODY_BYTES:
        raise Problem(413, _TOO_LARGE)


def is_upload(request: Request) -> bool:
    """Whether the body is a source; `api.upload` limits its size."""
    return request.method == "PUT" and request.scope["path"].startswith(f"{API_PREFIX}/sources/")


def limited(receive: Receive) -> Receive:
    """Wraps `receive`: raises HTTPException 413 once a body exceeds MAX_BODY_BYTES, whatever its Content-Length."""
    received = 0

    async def receive_limited() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > MAX_BODY_BYTES:
            raise HTTPException(413, _TOO_LARGE)  # the only error that FastAPI passes on from here
        return message

    return receive_limited


def _name_of(host: str) -> str:
    """The name in a Host header; for an unreadable one `.`, which is not private."""
    try:
        return (urlsplit(f"//{host}").hostname or "").removesuffix(".")
    except ValueError:
        return "."


@lru_cache(maxsize=16)
def _is_private(name: str) -> bool:
    if "." not in name or name.endswith(_PRIVATE_SUFFIXES):
        return True
    try:
        return bool(ipaddress.ip_address(name))
    except ValueError:
        return False
