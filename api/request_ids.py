"""Ids of requests: a client's own one if it may stand in headers and logs, otherwise a new one."""

import re
import secrets
from collections.abc import Iterable
from itertools import count

from starlette.types import Scope

#: The name of the header, which requests and answers have, and that of the id in a request's scope.
HEADER = b"x-request-id"
_REQUEST_ID = "autoconnect.request_id"

#: What an id of a client may be: UUIDs, ULIDs and trace ids are.
_ACCEPTED = re.compile(rb"[A-Za-z0-9._-]{1,64}")


class RequestIds:
    """Ids of one process: its own random name, and a number that costs less than a random one for each request."""

    def __init__(self) -> None:
        self._form = secrets.token_hex(6).encode() + b"-%08x"
        self._numbers = count(1)

    def of(self, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
        """The id for a request with these headers."""
        for name, value in headers:
            if name == HEADER and _ACCEPTED.fullmatch(value):
                return value
        return self._form % next(self._numbers)


def remember(scope: Scope, request_id: bytes) -> None:
    """Let the layers within know the id of their request."""
    scope[_REQUEST_ID] = request_id


def recall(scope: Scope) -> str:
    """The id of a request, empty if it has none."""
    request_id: bytes = scope.get(_REQUEST_ID, b"")
    return request_id.decode()
