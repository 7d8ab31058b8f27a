"""Tells who sent a request, and logs refused keys."""

from collections.abc import Sequence

import structlog
from fastapi import Request
from starlette.types import Scope

from api import request_ids
from autoconnect.api_keys import ApiKey
from autoconnect.service import Throttle

log: structlog.stdlib.BoundLogger = structlog.get_logger()

#: Seconds in which an address is logged once, however many keys it tries: a flood must not fill the disk.
_WINDOW_S = 60.0
#: Addresses that are logged in a window.
_MAX_ADDRESSES = 10
#: The name of the names of a request's keys in its scope.
_KEYS = "autoconnect.keys"
#: Characters of a path in a log line.
_MAX_PATH = 200


def note_keys(request: Request, keys: Sequence[ApiKey]) -> None:
    """Note whose keys allow a request."""
    request.scope[_KEYS] = ", ".join(key.name for key in keys)


def who(scope: Scope) -> dict[str, str]:
    """Who sends a request: the names of the keys, without keys the address, and always the address."""
    address = _address(scope)
    return {"who": scope.get(_KEYS) or address, "address": address}


class Refusals:
    """Logs refused keys, never the keys themselves: in a minute, the first call of each of ten addresses.

    The next line says how many were left out before it (`unlogged`).
    """

    def __init__(self, window_s: float = _WINDOW_S) -> None:
        self._throttle = Throttle(window_s)
        self._logged: set[str] = set()
        self._unlogged = 0

    def note(self, request: Request, reason: str) -> None:
        """Log a refusal, or count it."""
        if self._throttle.is_due():
            self._logged.clear()
        fields = _fields(request)
        if fields["address"] in self._logged or len(self._logged) == _MAX_ADDRESSES:
            self._unlogged += 1
            return
        self._logged.add(fields["address"])
        log.warning("key refused", reason=reason, unlogged=self._unlogged, **fields)
        self._unlogged = 0


def _fields(request: Request) -> dict[str, str]:
    request_id = request_ids.recall(request.scope)
    known = {"request_id": request_id} if request_id else {}
    path = request.scope["path"][:_MAX_PATH]
    return {"address": _address(request.scope), "method": request.method, "path": path, **known}


def _address(scope: Scope) -> str:
    return scope["client"][0] if scope.get("client") else ""
