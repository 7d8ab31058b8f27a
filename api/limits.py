"""What is refused before it is read: foreign pages, bodies of the wrong kind or size, too many calls."""

import ipaddress
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

from api.access import READING
from api.problems import Problem
from autoconnect.settings import Settings

#: Of all bodies but uploads: a job is asked for in some hundred bytes.
MAX_BODY_BYTES = 64 << 10
_TOO_LARGE = f"The body is larger than {MAX_BODY_BYTES:,} bytes."
_JSON = ("application/json",)
#: `curl -T` sends none, `curl --data-binary` that of a form, and a browser on Windows that of Excel.
_UPLOAD = (
    *("", "text/csv", "text/plain", "text/tab-separated-values"),
    *("application/csv", "application/octet-stream", "application/vnd.ms-excel", "application/x-www-form-urlencoded"),
)
#: Of a length: more are no number that anything could have as its length.
_MAX_DIGITS = 18
#: Ends of names that nobody can register, as names without a dot, for others to resolve.
_PRIVATE = (".localhost", ".local", ".internal", ".lan", ".home.arpa", ".svc", ".test")
#: So many addresses are remembered; those that have been quiet are forgotten first.
_MAX_ADDRESSES = 10_000


class RateCheck:
    """Raises Problem 429 for an address that calls the API too often; it is remembered in this process only.

    Each address has a bucket of a minute's calls, which fills up again at an even pace.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def __call__(self, request: Request) -> None:
        if not request.scope["path"].startswith("/api/"):
            return
        address, now = request.client.host if request.client else "", self._clock()
        left, seen = self._buckets.pop(address, (float(self._per_minute), now))
        left = min(self._per_minute, left + (now - seen) * self._per_minute / 60)
        allowed = left >= 1
        self._buckets[address] = (left - allowed, now)  # at the end: the first is the one that has been quiet longest
        if len(self._buckets) > _MAX_ADDRESSES:
            del self._buckets[next(iter(self._buckets))]
        if not allowed:
            wait_s = int((1 - left) * 60 / self._per_minute) + 1
            raise Problem(
                429,
                f"More than {self._per_minute:,} calls a minute came from {address} (AUTOCONNECT_RATE_LIMIT); "
                f"try again in {wait_s} s.",
                headers={"Retry-After": str(wait_s)},
            )


class OriginCheck:
    """Raises Problem 403 where a page of another origin wants to change something.

    A browser sends some requests, such as a POST without a body, for any page without asking first.
    """

    def __init__(self, settings: Settings) -> None:
        self._allowed = settings.origins

    def __call__(self, request: Request) -> None:
        origin = request.headers.get("origin")
        if origin is None or request.method in READING or "*" in self._allowed or origin in self._allowed:
            return
        if origin.partition("://")[2] != request.headers.get("host"):
            raise Problem(403, f"Pages of {origin[:200]!r} may not call this API (AUTOCONNECT_CORS_ORIGINS).")


class HostCheck:
    """Raises Problem 403 for a request to a name that anybody could let point here, while no key keeps anybody out.

    Else a page could have its own name resolved to this machine, after which a browser takes the API for a part of it
    (DNS rebinding).
    """

    def __init__(self, settings: Settings) -> None:
        self._is_needed = not settings.api_keys and "*" not in settings.origins
        self._allowed = {settings.host, *(urlsplit(origin).hostname for origin in settings.origins)}

    def __call__(self, request: Request) -> None:
        if not self._is_needed:
            return
        host = request.headers.get("host", "")
        name = _name_of(host)
        if not _is_private(name) and name not in self._allowed:
            raise Problem(
                403,
                f"Without a key this API answers to private names only, and {host[:200]!r} is none; set "
                "AUTOCONNECT_API_KEY, or AUTOCONNECT_CORS_ORIGINS to the origin of that name.",
            )


def check_body(request: Request) -> None:
    """Raises Problem for a body of another media type (415) than the call takes, or a larger one (413)."""
    length = request.headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit() and len(length) <= _MAX_DIGITS):
        raise Problem(400, f"Content-Length is {length[:200]!r}; expected a number of bytes.")
    if int(length) == 0 and "transfer-encoding" not in request.headers:
        return
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    taken = _UPLOAD if is_upload(request) else _JSON
    if media_type not in taken:
        expected = "a CSV as it is, as text/csv" if is_upload(request) else _JSON[0]
        raise Problem(415, f"The Content-Type is {media_type[:200]!r}; expected {expected}.")
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding != "identity":
        raise Problem(415, f"The Content-Encoding is {encoding[:200]!r}; expected none.")
    if not is_upload(request) and int(length) > MAX_BODY_BYTES:
        raise Problem(413, _TOO_LARGE)


def is_upload(request: Request) -> bool:
    """Whether the body is a source, whose size is limited where it is received."""
    return request.method == "PUT" and request.scope["path"].startswith("/api/v1/sources/")


def limited(receive: Receive) -> Receive:
    """Receives a body until it is larger than MAX_BODY_BYTES, whatever length it was said to have."""
    received = 0

    async def receive_some() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > MAX_BODY_BYTES:
            raise HTTPException(413, _TOO_LARGE)  # the one error that FastAPI lets through while it reads a body
        return message

    return receive_some


def _name_of(host: str) -> str:
    """A Host header without its port; of one that cannot be read, a name that is not private."""
    try:
        return (urlsplit(f"//{host}").hostname or "").removesuffix(".")
    except ValueError:
        return "."


def _is_private(name: str) -> bool:
    if "." not in name or name.endswith(_PRIVATE):
        return True
    try:
        return bool(ipaddress.ip_address(name))
    except ValueError:
        return False
