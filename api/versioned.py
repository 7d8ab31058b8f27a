"""Answers from results: given again from memory, with an ETag by which clients keep them, and compressed.

Each request first reads which result it asks for, so an answer that is given again is as new as one that is made.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from anyio import to_thread
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import autoconnect
from api.asking import Asking
from api.early_read import read_published
from api.encoding import MIN_ZIPPED_BYTES, accepts_gzip, is_text, knows, zipped, zipper
from api.kept_answers import MAX_ANSWER_BYTES, Headers, KeptAnswer, KeptAnswers, Key
from autoconnect.broker.result_reader import ResultReader
from autoconnect.errors import BrokerUnavailable
from autoconnect.models import API_PREFIX, ResultState

#: Paths of answers that depend on a result, the query and the client's Accept alone.
_PATHS = re.compile(rf"{API_PREFIX}/((metrics|charts)/[^/]+|query|cities|models)")
#: Bytes above which a body is compressed in a thread: it takes milliseconds.
_LARGE_BYTES = 64 << 10
_ETAG_BYTES = 16
#: Headers of an answer that its 304 has, too.
_UNCHANGED = (b"etag", b"vary", b"cache-control", b"x-result-version")
#: What an answer for a given version says in place of `no-cache`: it is right for ever, so for a year.
_FOR_EVER = "max-age=31536000, immutable"


class _Enough(Exception):
    """Raised to end an answer whose body the client already has."""


class _Wish(NamedTuple):
    """What the headers of a request say about the form of its answer."""

    accept: bytes
    zipped: bool
    if_none_match: bytes

    @classmethod
    def of(cls, headers: Headers) -> "_Wish":
        found = {b"accept": b"", b"accept-encoding": b"", b"if-none-match": b""}
        for name, value in headers:
            if name in found:
                found[name] = b",".join(filter(None, (found[name], value)))
        return cls(found[b"accept"], accepts_gzip(found[b"accept-encoding"]), found[b"if-none-match"])


class VersionedAnswers:
    """Keeps the answers of some paths, and adds ETag, Vary, Cache-Control and compression to them.

    `makes_with` is what answers depend on besides results and requests: the settings.
    """

    def __init__(
        self, app: ASGIApp, reader: ResultReader, kept: KeptAnswers, makes_with: str, cache_control: str
    ) -> None:
        self._app = app
        self._reader = reader
        self._kept = kept
        self._made_by = f"{_program()} {makes_with}"
        self._cache_control = cache_control.encode()
        self._cache_control_of_version = cache_control.replace("no-cache", _FOR_EVER).encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET" or not _PATHS.fullmatch(scope["path"]):
            await self._app(scope, receive, send)
            return
        wish, asking = _Wish.of(scope["headers"]), await self._ask(scope)
        info = asking.info
        if info and info.state is ResultState.AVAILABLE:
            answer = self._kept.find(_key((info.job_id, info.version), scope, wish))
            if answer:
                await self.send(answer, wish, send)
                return
        writer = _Writer(self, asking, scope, wish, send)
        try:
            await self._app(asking.within(scope), receive, writer.send)
        except _Enough:
            return

    async def _ask(self, scope: Scope) -> Asking:
        """Read which result the request is about; nothing if Redis is away, or the route will refuse the request."""
        try:
            job_id = _job_of(scope["query_string"])
            reading = self._reader.read(job_id) if job_id else read_published(scope, self._reader)
            return Asking(job_id, await reading)
        except (ValueError, BrokerUnavailable):  # the route finds out, and says so
            return Asking()

    async def send(self, answer: KeptAnswer, wish: _Wish, send: Send) -> None:
        """Answer with the body, or 304 if the client has it."""
        if knows(wish.if_none_match, answer.etag):
            await self.send_unchanged(answer.headers, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": answer.headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def send_unchanged(self, all_headers: Headers, send: Send) -> None:
        headers = [(name, value) for name, value in all_headers if name in _UNCHANGED]
        await send({"type": "http.response.start", "status": 304, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    def keep(self, key: Key, answer: KeptAnswer) -> None:
        self._kept.keep(key, answer)

    def etag(self, key: Key, media_type: bytes) -> bytes:
        """A strong ETag: what it is made from decides every byte of the body."""
        made_from = (self._made_by, *key[:4], media_type, key.zipped)
        return b'"%s"' % blake2b(repr(made_from).encode(), digest_size=_ETAG_BYTES).hexdigest().encode()

    def headers_with(
        self, key: Key, headers: Headers, etag: bytes, **changed: bytes | None
    ) -> list[tuple[bytes, bytes]]:
        """The headers of an answer, with those of this layer; others are `changed`, or left out if that is None."""
        names = {name.replace("_", "-").encode(): value for name, value in changed.items()}
        kept = [(name, value) for name, value in headers if name not in names and name != b"vary"]
        return [
            *kept,
            *((name, value) for name, value in names.items() if value),
            (b"etag", etag),
            (b"vary", b"Accept, Accept-Encoding"),
            (b"cache-control", self._cache_control_of_version if _names_version(key) else self._cache_control),
            (b"x-result-version", key.version.encode()),
        ]


class _Writer:
    """Sends the answer of a route; what it needs is known only when its first piece comes."""

    def __init__(self, layer: VersionedAnswers, asking: Asking, scope: Scope, wish: _Wish, send: Send) -> None:
        self._layer = layer
        self._asking = asking
        self._scope = scope
        self._wish = wish
        self._send = send
        self._start: Message | None = None
        self._stream: _Stream | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 200 and self._asking.version:
            self._start = message
        elif self._stream:
            await self._stream.send(message)
        elif self._start:
            start, self._start = self._start, None
            await self._begin(start["headers"], message)
        else:
            await self._send(message)

    async def _begin(self, headers: Headers, first: Message) -> None:
        assert self._asking.version
        body, is_whole = first.get("body", b""), not first.get("more_body")
        media_type = dict(headers).get(b"content-type", b"")
        is_zipped = self._wish.zipped and is_text(media_type) and (not is_whole or len(body) >= MIN_ZIPPED_BYTES)
        key = _key(self._asking.version, self._scope, self._wish)
        etag = self._layer.etag(key._replace(zipped=is_zipped), media_type)
        if is_whole:
            await self._send_whole(key, headers, etag, await _zipped(body) if is_zipped else body, is_zipped=is_zipped)
        elif knows(self._wish.if_none_match, etag):
            await self._layer.send_unchanged(self._layer.headers_with(key, headers, etag), self._send)
            raise _Enough
        else:
            await self._send_stream(key, headers, etag, first, is_zipped=is_zipped)

    async def _send_whole(self, key: Key, headers: Headers, etag: bytes, body: bytes, *, is_zipped: bool) -> None:
        answer = self._answer(key, headers, etag, body, is_zipped=is_zipped)
        self._layer.keep(key, answer)
        await self._layer.send(answer, self._wish, self._send)

    async def _send_stream(self, key: Key, headers: Headers, etag: bytes, first: Message, *, is_zipped: bool) -> None:
        def keep(body: bytes) -> None:
            self._layer.keep(key, self._answer(key, headers, etag, body, is_zipped=is_zipped))

        self._stream = _Stream(self._send, zipper() if is_zipped else None, keep)
        all_headers = self._layer.headers_with(key, headers, etag, **_coding(is_zipped=is_zipped))
        await self._send({"type": "http.response.start", "status": 200, "headers": all_headers})
        await self._stream.send(first)

    def _answer(self, key: Key, headers: Headers, etag: bytes, body: bytes, *, is_zipped: bool) -> KeptAnswer:
        length = str(len(body)).encode()
        changed = _coding(is_zipped=is_zipped) | {"content_length": length}
        return KeptAnswer(self._layer.headers_with(key, headers, etag, **changed), etag, body)


@dataclass
class _Stream:
    """Sends a body in pieces, compressed by `zipper` if there is one, and keeps it if it is small enough."""

    sender: Send
    zipper: Any
    keep: Callable[[bytes], None]
    _pieces: list[bytes] = field(default_factory=list)
    _size: int = 0

    async def send(self, message: Message) -> None:
        piece, has_more = message.get("body", b""), message.get("more_body", False)
        if self.zipper:
            piece = await to_thread.run_sync(self._zip, piece, has_more)
        self._size += len(piece)
        if self._size > MAX_ANSWER_BYTES:
            self._pieces.clear()
        else:
            self._pieces.append(piece)
            if not has_more:
                self.keep(b"".join(self._pieces))
        if piece or not has_more:
            await self.sender({"type": "http.response.body", "body": piece, "more_body": has_more})

    def _zip(self, piece: bytes, has_more: bool) -> bytes:
        packed: bytes = self.zipper.compress(piece)
        return packed if has_more else packed + self.zipper.flush()


async def _zipped(body: bytes) -> bytes:
    return zipped(body) if len(body) <= _LARGE_BYTES else await to_thread.run_sync(zipped, body)


def _coding(*, is_zipped: bool) -> dict[str, bytes | None]:
    return {"content_encoding": b"gzip", "content_length": None} if is_zipped else {}


def _key(version: tuple[str, str], scope: Scope, wish: _Wish) -> Key:
    return Key(*version, scope["path"], scope["query_string"], wish.accept, wish.zipped)


def _names_version(key: Key) -> bool:
    """Whether the client asks for this version of the result; the route has refused any other."""
    return b"version" in key.query and any(name == "version" for name, _ in parse_qsl(key.query.decode("latin-1")))


def _job_of(query: bytes) -> str | None:
    """The job that a query names, None if it names none.

    Raises ValueError if it names several, or one that cannot be.
    """
    if b"job" not in query and b"%" not in query:
        return None
    jobs = [value for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True) if name == "job"]
    if len(jobs) > 1 or (jobs and (not jobs[0] or ":" in jobs[0])):
        raise ValueError(jobs)
    return jobs[0] if jobs else None


@cache
def _program() -> str:
    """A digest of the program: another version of it may make other bytes from the same result."""
    digest = blake2b(digest_size=_ETAG_BYTES)
    for folder in (Path(__file__).parent, Path(autoconnect.__file__).parent):
        for path in sorted(folder.rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()
