"""Who may call: everyone or, with API_KEY set, those who know a key."""

import hashlib
import secrets
from collections.abc import Iterator

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader, HTTPBearer

from api.problems import Problem
from autoconnect.settings import Settings

#: Methods that change nothing.
READING = ("GET", "HEAD", "OPTIONS")
#: What may be read without a key, even where reading needs one, and below what all may be.
_OPEN = ("/", "/docs", "/redoc", "/openapi.json")
_OPEN_BELOW = ("/health/", "/static/")

_BEARER = HTTPBearer(auto_error=False, description="The API key.")
_HEADER = APIKeyHeader(name="X-API-Key", auto_error=False, description="The API key.")


async def _describe(bearer: object = Security(_BEARER), header: object = Security(_HEADER)) -> None:
    """Puts both ways to send the key into the description; it is `KeyCheck` that asks for it."""


#: Dependency of every route that changes something.
NEEDS_KEY = Depends(_describe)


class KeyCheck:
    """Raises Problem 401 for a request that needs a key and has none, or any that is wrong.

    It goes by method and path, not by route: what nobody has thought of needs the key.
    """

    def __init__(self, settings: Settings) -> None:
        self._wanted = [_digest(key.encode()) for key in settings.api_keys]
        self._for_reading = settings.api_key_for_reading

    def __call__(self, request: Request) -> None:
        if not self._wanted or not self._needs_key(request):
            return
        known = [self._is_known(key) for key in _given(request)]
        if not known or not all(known):
            raise Problem(
                401,
                "This call needs the API key, as Authorization: Bearer or X-API-Key.",
                headers={"WWW-Authenticate": "Bearer"},
            )

    def _needs_key(self, request: Request) -> bool:
        return request.method not in READING or (self._for_reading and not _is_open(request.scope["path"]))

    def _is_known(self, key: bytes) -> bool:
        """Takes as long for any key: digests are of one length, and all of them are compared."""
        given = _digest(key)
        return sum(secrets.compare_digest(given, wanted) for wanted in self._wanted) > 0


def _given(request: Request) -> Iterator[bytes]:
    """Every key that is sent; of an Authorization that is no Bearer, one that nobody has."""
    for value in request.headers.getlist("authorization"):
        scheme, _, key = value.partition(" ")
        yield key.strip().encode("latin-1") if scheme.lower() == "bearer" else b""
    for value in request.headers.getlist("x-api-key"):
        yield value.strip().encode("latin-1")


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


def _is_open(path: str) -> bool:
    return path in _OPEN or path.startswith(_OPEN_BELOW)
