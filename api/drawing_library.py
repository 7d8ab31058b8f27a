"""Keeps the script that draws charts in browsers; a child process makes it once, when a page is first asked for."""

import asyncio
import sys
from asyncio.subprocess import PIPE

import structlog

from api.problems import Problem
from autoconnect.local.supervisor import leashed

log: structlog.stdlib.BoundLogger = structlog.get_logger()

#: Seconds that it may take: it takes about one on an idle machine.
_MAKE_S = 30.0


class DrawingLibrary:
    """The compressed script (300 KB). It stays in memory, since a container may have no place to write."""

    def __init__(self) -> None:
        self._making: asyncio.Task[bytes] | None = None

    def start(self) -> None:
        """Begin to make it, unless that has begun; so it is ready when the page asks for it."""
        if self._making is None or self._has_failed(self._making):
            self._making = asyncio.get_running_loop().create_task(_make())

    async def gzipped(self) -> bytes:
        """The script; raises Problem 503 if it cannot be made."""
        self.start()
        assert self._making
        return await asyncio.shield(self._making)

    async def end(self) -> None:
        """End the making, if that goes on."""
        making, self._making = self._making, None
        if making:
            making.cancel()
            await asyncio.wait([making])

    @staticmethod
    def _has_failed(making: asyncio.Task[bytes]) -> bool:
        return making.done() and (making.cancelled() or making.exception() is not None)


async def _make() -> bytes:
    command = leashed([sys.executable, "-m", "api.script_maker"])
    child = await asyncio.create_subprocess_exec(*command, stdout=PIPE, start_new_session=True)
    try:
        async with asyncio.timeout(_MAKE_S):
            script, _ = await child.communicate()
    except TimeoutError:
        raise _not_made(f"took longer than {_MAKE_S:g} s") from None
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode:
        raise _not_made("ended its process, perhaps because memory is short")
    return script


def _not_made(reason: str) -> Problem:
    log.warning("library of charts not made", reason=reason, recovery="made again when a page asks for it")
    return Problem(503, f"The library that draws charts {reason}; try again in 5 s.", headers={"Retry-After": "5"})
