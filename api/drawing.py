"""Draws pictures in a child process, one at a time, and ends the child if it takes too long."""

import asyncio
import json
import sys
import time
from asyncio.subprocess import PIPE, Process

import structlog

from api.problems import Problem
from api.room import busy
from autoconnect.local.supervisor import leashed

log: structlog.stdlib.BoundLogger = structlog.get_logger()

#: Seconds that a picture may take: it takes about a tenth of one.
DRAW_S = 20.0
#: Seconds that the child may take to start: about one, and many times that on a busy machine.
_START_S = 180.0
#: Pictures that may wait for their turn.
_MAX_WAITING = 16
#: Bytes of a picture that are read at once, as a limit to what the child's first line may have.
_LINE_BYTES = 1 << 10


class Drawing:
    """A child process that draws, started when the first picture is asked for, and again after it has died.

    While it starts, a picture that takes too long, or that nobody waits for any longer, does not end it: on a busy
    machine it would otherwise never be ready.
    """

    def __init__(self, draw_s: float = DRAW_S) -> None:
        self._draw_s = draw_s
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._child: Process | None = None
        self._starts_until = 0.0

    async def draw(self, form: str, spec: bytes) -> bytes:
        """The picture, `svg` or `png`, of a Vega-Lite specification in JSON.

        Raises Problem 503 if the child dies or takes too long, or too many pictures wait; ValueError if the
        specification cannot be drawn.
        """
        if self._waiting >= _MAX_WAITING:
            raise busy()
        self._waiting += 1
        try:
            async with self._turn:
                return await self._draw(form, spec)
        finally:
            self._waiting -= 1

    async def end(self) -> None:
        """End the child."""
        child, self._child = self._child, None
        self._starts_until = 0.0
        if child and child.returncode is None:
            child.kill()
        if child:
            await child.wait()

    async def _draw(self, form: str, spec: bytes) -> bytes:
        try:
            async with asyncio.timeout(self._draw_s):
                word, body = await self._ask(form, spec)
        except TimeoutError:
            if time.monotonic() < self._starts_until:
                raise _not_drawn("waits for its process to start") from None
            await self.end()
            log.warning("picture not drawn in time", seconds=self._draw_s, recovery="killed")
            raise _not_drawn(f"took longer than {self._draw_s:g} s") from None
        except (asyncio.IncompleteReadError, ConnectionError):
            await self.end()
            log.warning("the process that draws pictures died", recovery="restarted")
            raise _not_drawn("ended its process, perhaps because memory is short") from None
        except BaseException:
            if time.monotonic() >= self._starts_until:  # what it answers must not be taken for the next picture
                await self.end()
            raise
        if word != "drawn":
            raise ValueError(body.decode())
        return body

    async def _ask(self, form: str, spec: bytes) -> tuple[str, bytes]:
        child = self._child or await self._start()
        assert child.stdin
        assert child.stdout
        if self._starts_until:
            await child.stdout.readuntil()
            self._starts_until = 0.0
        request = {"form": form, "spec": json.loads(spec)}
        child.stdin.write(json.dumps(request).encode() + b"\n")
        await child.stdin.drain()
        word, size = (await child.stdout.readuntil()).decode().split()
        return word, await child.stdout.readexactly(int(size))

    async def _start(self) -> Process:
        command = leashed([sys.executable, "-m", "autoconnect.draughtsman"])
        self._child = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, start_new_session=True, limit=_LINE_BYTES
        )
        self._starts_until = time.monotonic() + _START_S
        return self._child


def _not_drawn(reason: str) -> Problem:
    return Problem(
        503,
        f"The picture was not drawn: it {reason}. Try again, or ask for .json and draw that.",
        headers={"Retry-After": "5"},
    )
