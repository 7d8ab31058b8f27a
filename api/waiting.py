"""The requests that wait for Redis: when it becomes silent, all of them are answered, whatever their threads wait for.

A thread that waits for Redis cannot be interrupted. It ends at its own time limit, and what it answers is dropped.
"""

import asyncio
from collections.abc import Sequence

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import problems
from autoconnect.errors import BrokerSilent

#: The name of a request's answer in its scope.
_ANSWER = "autoconnect.answer"


class Waiting:
    """The answers that wait for Redis now; only the event loop's thread uses it."""

    def __init__(self) -> None:
        self._answers: set[_Answer] = set()
        self._refusing: asyncio.Task[None] | None = None

    def add(self, request: Request) -> None:
        """Let a request wait: its route is about to call Redis."""
        self._answers.add(request.scope[_ANSWER])

    def discard(self, answer: "_Answer") -> None:
        self._answers.discard(answer)

    def refuse(self, error: BrokerSilent) -> None:
        """Answer each request that waits, unless its own answer has begun."""
        self._refusing = asyncio.create_task(_refuse_all(tuple(self._answers), error))


async def _refuse_all(answers: Sequence["_Answer"], error: BrokerSilent) -> None:
    for answer in answers:
        answer.refuse(error)
        await asyncio.sleep(0)  # other requests get their turn, such as those for health


class Answers:
    """Lets each request be answered by its route or by `Waiting.refuse`, whichever comes first."""

    def __init__(self, app: ASGIApp, waiting: Waiting) -> None:
        self._app = app
        self._waiting = waiting

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(scope, receive, send)
        try:
            await self._app({**scope, _ANSWER: answer}, receive, answer.send)
        finally:
            self._waiting.discard(answer)
            await answer.end()


class _Answer:
    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._has_begun = False
        self._refusal: asyncio.Task[None] | None = None

    async def send(self, message: Message) -> None:
        """Pass on the route's own answer, unless the request has been refused."""
        if self._refusal is None:
            self._has_begun = True
            await self._send(message)

    async def end(self) -> None:
        """Wait for the refusal, if there is one: the server answers for a request that ends without an answer."""
        if self._refusal:
            await self._refusal

    def refuse(self, error: BrokerSilent) -> None:
        if not self._has_begun and self._refusal is None:
            response = problems.unavailable(Request(self._scope), error)
            self._refusal = asyncio.create_task(response(self._scope, self._receive, self._send))
