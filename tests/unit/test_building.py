"""A file that is built before it is sent lets other large answers have its thread in between."""

import asyncio
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from fastapi import Request, Response

from api import computations
from api.computations import Computations
from api.cubes import Cubes
from api.formats import Body
from autoconnect.broker.connection import connect

MIB = 1 << 20


async def _never_disconnects() -> Any:
    await asyncio.Event().wait()


def test_two_files_are_built_in_turns_by_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(computations, "_THREADS", 1)
    steps: list[str] = []

    def pieces(name: str) -> Iterator[bytes]:
        for _ in range(100):
            steps.append(name)
            yield b""
        yield name.encode()

    async def scenario() -> tuple[Response, Response]:
        made = Computations(Cubes(connect("redis://127.0.0.1:1"), 0), 100 * MIB)  # no cube is read
        request = Request({"type": "http"}, _never_disconnects)

        def make(name: str) -> Body:
            return Body("text/csv", pieces(name), 0)

        return await asyncio.gather(
            made.make(request, 10 * MIB, lambda: make("a")), made.make(request, 10 * MIB, lambda: make("b"))
        )

    first, second = asyncio.run(scenario())
    assert (first.body, second.body) == (b"a", b"b")
    changes = sum(before != after for before, after in pairwise(steps))
    assert changes > 10
