"""Access control: open to every client or, with API_KEY set, to clients that send a key."""

import hashlib
import secrets
from collections.abc import Iterator, Sequence

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader, HTTPBearer

from api.problems import Problem

#: Methods that change nothing.
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
#: Paths that can be read without a key even if reading needs one.
_OPEN_PATHS = ("/", "/docs", "/redoc", "/openapi.json")
_OPEN_PREFIXES = ("/health/", "/static/")

_BEARER = HTTPBearer(auto_error=False, description="The API key.")
_HEADER = APIKeyHeader(name="X-API-Key", auto_error=False, description="The API key.")


async def _describe(bearer: object = Security(_BEARER), header: object = Security(_HEADER)) -> None:
    """Adds both ways to send the key to the OpenAPI description; `KeyCheck` checks the key."""


#: Dependency of every route that needs the key.
NEEDS_KEY = Depends(_describe)


class KeyCheck:
    """Raises Problem 401 for a request that needs a key and sends none, or sends a wrong one.

    Without keys, no request needs one; otherwise a change does and, with `for_reading`, a read does too.
    It goes by method and path, not by route: a change needs the key even if its route forgets to ask for it.
    """

    def __init__(self, keys: Sequence[str], *, for_reading: bool) -> None:
        self._key_digests = [_digest(key.encode()) for key in keys]
        self._for_reading = for_reading

    def __call__(self, request: Request) -> None:
        if not self._key_digests or not self._needs_key(request):
            return
        are_known = [self._is_known(key) for key in _sent_keys(request)]
        if not are_known or not all(are_known):
            raise Problem(
                401,
                "This call needs the API key; send it as Authorization: Bearer KEY or X-API-Key: KEY.",
                headers={"WWW-Authenticate": "Bearer"},
            )

    def _needs_key(self, request: Request) -> bool:
        return request.method not in SAFE_METHODS or (self._for_reading and not _is_open(request.scope["path"]))

    def _is_known(self, key: bytes) -> bool:
        """Takes the same time for any key: digests have one length, and the key is compared with all of them."""
        sent = _digest(key)
        return sum(secrets.compare_digest(sent, known) for known in self._key_digests) > 0


def _sent_keys(request: Request) -> Iterator[bytes]:
    """Every key in the request; an Authorization of another scheme than Bearer counts as an empty, so wrong, key."""
    for value in request.headers.getlist("authorization"):
        scheme, _, key = value.partition(" ")
        yield key.strip().encode("latin-1") if scheme.lower() == "bearer" else b""
    for value in request.headers.getlist("x-api-key"):
        yield value.strip().encode("latin-1")


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


def _is_open(path: str) -> bool:
    return path in _OPEN_PATHS or path.startswith(_OPEN_PREFIXES)
