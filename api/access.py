"""Access control: open to every client or, with API_KEY set, to clients that send a key."""

import hashlib
import secrets
from collections.abc import Iterator, Sequence

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader, HTTPBearer

from api.audit import Refusals, note_keys
from api.dashboard import PAGES
from api.problems import Problem
from autoconnect.api_keys import ApiKey, Role

#: Methods that change nothing.
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
#: Paths that can be read without a key even if reading needs one.
_OPEN_PATHS = (*PAGES, "/docs", "/redoc", "/openapi.json")
_OPEN_PREFIXES = ("/health/", "/static/")

_BEARER = HTTPBearer(auto_error=False, description="The API key.")
_HEADER = APIKeyHeader(name="X-API-Key", auto_error=False, description="The API key.")


async def _describe(bearer: object = Security(_BEARER), header: object = Security(_HEADER)) -> None:
    """Adds both ways to send the key to the OpenAPI description; `KeyCheck` checks the key."""


#: Dependency of every route that needs the key.
NEEDS_KEY = Depends(_describe)


class KeyCheck:
    """Raises Problem 401 if a request needs a key and sends none or a wrong one, 403 if the role of its key forbids it.

    Without keys, no request needs one; otherwise a change does and, with `for_reading`, a read does too.
    It goes by method and path, not by route: a change needs the key even if its route forgets to ask for it.
    """

    def __init__(self, keys: Sequence[ApiKey], *, for_reading: bool) -> None:
        self._keys_and_digests = [(key, _digest(key.key.encode())) for key in keys]
        self._for_reading = for_reading
        self._refusals = Refusals()

    def __call__(self, request: Request) -> None:
        is_change = request.method not in SAFE_METHODS
        if not self._keys_and_digests or not (is_change or self._is_protected(request.scope["path"])):
            return
        keys = self._known_keys(request)
        if is_change:
            self._check_roles(request, keys)
            note_keys(request, keys)

    def _is_protected(self, path: str) -> bool:
        return self._for_reading and not (path in _OPEN_PATHS or path.startswith(_OPEN_PREFIXES))

    def _known_keys(self, request: Request) -> list[ApiKey]:
        """The keys that are sent; every one of them must be known."""
        sent = list(_sent_keys(request))
        keys = [key for key in map(self._find, sent) if key]
        if not sent:
            raise _refusal("This call needs an API key, and none was sent; send it")
        if len(keys) < len(sent):
            self._refusals.note(request, "unknown key")
            raise _refusal("The API key that was sent is wrong; send a right one")
        return keys

    def _find(self, sent: bytes) -> ApiKey | None:
        """Takes the same time for any key: digests have one length, and the key is compared with all of them."""
        sent_digest = _digest(sent)
        found = [key for key, digest in self._keys_and_digests if secrets.compare_digest(sent_digest, digest)]
        return found[0] if found else None

    def _check_roles(self, request: Request, keys: Sequence[ApiKey]) -> None:
        for key in keys:
            if key.role is not Role.WRITE:
                self._refusals.note(request, f"the key {key.name} has the role {key.role}")
                raise Problem(
                    403,
                    f"The key {key.name} has the role {key.role}, which allows only {', '.join(SAFE_METHODS)}; this "
                    f"call needs a key with the role {Role.WRITE}.",
                )


def _refusal(detail: str) -> Problem:
    """The same for every wrong key, so that nobody learns of the right ones."""
    detail += " as Authorization: Bearer KEY or X-API-Key: KEY."
    return Problem(401, detail, headers={"WWW-Authenticate": "Bearer"})


def _sent_keys(request: Request) -> Iterator[bytes]:
    """Every key in the request; an Authorization of another scheme than Bearer counts as an empty, so wrong, key."""
    for value in request.headers.getlist("authorization"):
        scheme, _, key = value.partition(" ")
        yield key.strip().encode("latin-1") if scheme.lower() == "bearer" else b""
    for value in request.headers.getlist("x-api-key"):
        yield value.strip().encode("latin-1")


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
