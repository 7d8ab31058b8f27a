"""A request that waits for Redis is answered once, whoever answers it."""

import asyncio
from typing import Any

from fastapi import Request
from starlette.types import Message, Receive, Scope, Send

from api.waiting import Answers, Waiting
from autoconnect.errors import BrokerSilent

_SCOPE: Scope = {"type": "http", "method": "GET", "path": "/api/v1/jobs", "query_string": b"", "headers": []}


def test_a_route_that_answers_right_after_the_refusal_does_not_end_the_request_before_it() -> None:
    waiting = Waiting()
    sent: list[Message] = []

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        waiting.add(Request(scope))
        waiting.refuse(BrokerSilent("Redis does not answer."))
        await asyncio.sleep(0)  # the refusal is due, and has not been sent
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    async def ask() -> list[Any]:
        await Answers(route, waiting)(_SCOPE, receive, send)
        return [message["status"] for message in sent if message["type"] == "http.response.start"]

    assert asyncio.run(ask()) == [503]
