"""Sources as they are stored, sent to clients.

Starlette's FileResponse does not fit: it opens the path after it has made the headers, so it may send the content of
one file with the length and the ETag of another.
"""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from email.utils import format_datetime
from threading import BoundedSemaphore

import structlog
from anyio import CapacityLimiter
from fastapi import Request, Response
from starlette.types import Receive, Scope, Send

from api.downloads import attachment
from api.encoding import knows
from api.problems import Problem
from api.streams import Stream
from autoconnect.errors import SourceError
from autoconnect.sources.local import Source, SourceFile

log: structlog.stdlib.BoundLogger = structlog.get_logger()

#: Its encoding is known only after a file has been judged, so there is no charset.
MEDIA_TYPE = "text/csv"
#: Files that are sent at once: with its piece and what waits to be sent, each needs 512 KiB and a file descriptor.
_PLACES = 32
#: Threads that read them: no computation waits for a slow disk.
_THREADS = 2
#: Bytes that are read at once.
_PIECE_BYTES = 128 << 10
#: Seconds after which a client should ask again.
_RETRY_AFTER_S = 5


class SourceFiles:
    """Sends open files, up to _PLACES at once."""

    def __init__(self) -> None:
        self._threads = CapacityLimiter(_THREADS)
        self._places = BoundedSemaphore(_PLACES)

    def answer(self, request: Request, source: Source, file: SourceFile) -> Response:
        """The answer with an open file, which is closed when the answer ends.

        Raises Problem 503 if all places are taken.
        """
        with ExitStack() as held:
            held.callback(file.close)
            headers = _headers(source)
            if _has_version(request, headers["ETag"]):
                return Response(status_code=304, headers={"ETag": headers["ETag"]})
            if request.method == "HEAD":
                return Response(headers=headers)
            self._take_place()
            held.callback(self._places.release)
            return _SourceStream(_pieces(file), MEDIA_TYPE, _Held(held.pop_all()), self._threads, headers)

    def _take_place(self) -> None:
        if not self._places.acquire(blocking=False):
            raise Problem(
                503,
                f"{_PLACES} sources are being sent already; try again in {_RETRY_AFTER_S} s.",
                headers={"Retry-After": str(_RETRY_AFTER_S)},
            )


class _SourceStream(Stream):
    """Ends before the body does if the file changes: what a client gets is all of one version, or incomplete."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except SourceError as error:  # the server closes the connection, because the answer is not complete
            log.warning("source not sent whole", error=str(error))


class _Held:
    """The place and the open file of an answer."""

    def __init__(self, held: ExitStack) -> None:
        self._held = held

    def release(self) -> None:
        self._held.close()


def _pieces(file: SourceFile) -> Iterator[bytes]:
    """All bytes of a file; each piece is sent only if the file still has its version after it was read."""
    for offset in range(0, file.size, _PIECE_BYTES):
        piece = file.read(offset, _PIECE_BYTES)
        file.check_read()
        yield piece


def _headers(source: Source) -> dict[str, str]:
    headers = {
        "Content-Type": MEDIA_TYPE,
        "Content-Length": str(source.size),
        "Content-Disposition": attachment(source.name, re.sub(r'[^ -~]|["%\\]', "_", source.name)),
        "ETag": f'"{source.version}"',
    }
    modified = source.modified_at
    return headers | {"Last-Modified": format_datetime(modified, usegmt=True)} if modified else headers


def _has_version(request: Request, etag: str) -> bool:
    """Whether a client says (If-None-Match) that it has this version of the file."""
    sent = ",".join(request.headers.getlist("if-none-match"))
    return knows(sent.encode("latin-1"), etag.encode("latin-1"))
