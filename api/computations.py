"""Answers that are computed from a cube: small ones at once; large ones in turn, by few threads, as memory allows.

Large work has threads of its own, so that small requests always find one, and is done in pieces, so that the event loop
gets its turn in between.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import chain
from threading import Lock
from typing import Any, TypeVar
from weakref import WeakValueDictionary

import numpy as np
from anyio import CapacityLimiter, to_thread
from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from api.asking import Asking, asking_of
from api.cubes import Cubes, Result, Unread, check_version
from api.formats import Body
from api.room import SMALL_BYTES, WAIT_S, Lease, Room, busy
from api.streams import Stream
from autoconnect.core.cube import Cube, Mask
from autoconnect.core.selection import Earlier, Selection, days_of
from autoconnect.core.table import Table
from autoconnect.exports.base import Format

Returned = TypeVar("Returned")

#: Threads of large work: while one of them waits for Redis, or computes without Python, the other one goes on.
_THREADS = 2
#: Bytes that any metric or roll-up needs at its peak for each selected cell: 184, for all keys and measures (measured).
_CELL_BYTES = 200
#: Bytes that a table keeps for each selected cell, besides its rows: what its rows look up by city and month.
_KEPT_CELL_BYTES = 24
#: Bytes of a value in a table, in whose rows it is a number of a column.
_VALUE_BYTES = 8
#: Bytes of the pieces of an answer that are made, or wait to be sent.
_PIECES_BYTES = 512 << 10


@dataclass(frozen=True)
class Computation:
    """A table to compute from the selected cells of a result, and how to write it.

    The result is that of a job, of the published one by default; with `partial`, that of an open job so far, too;
    with `version`, only that version of it.
    `earlier` tells which other cells tables compare the selected ones with, one table at a time.
    """

    table: Callable[[Result, Cube], Table]
    form: Format
    head: Callable[[Result], Mapping[str, object]]
    selection: Selection = field(default_factory=Selection)
    job_id: str | None = None
    partial: bool = False
    version: str | None = None
    earlier: Sequence[Earlier] = ()

    @property
    def is_quick(self) -> bool:
        """Whether the answer is made from the cube alone, and its first pieces are small."""
        return False

    def most_bytes(self, result: Result) -> int:
        """The bytes needed at the peak if all cells are selected and compared."""
        return (len(result.cube) * _CELL_BYTES + result.cube.nbytes) * (2 if self.earlier else 1)

    def needs(self, result: Result) -> tuple[Mask, int]:
        """The selected cells, and the bytes needed for them at the peak."""
        mask = self.selection.mask(result.cube, result.folding)
        return mask, self.peak_bytes(result, mask)

    def peak_bytes(self, result: Result, mask: Mask) -> int:
        """The bytes needed at the peak for the selected cells and those that they are compared with."""
        cells = result.cube
        counts = [int(np.count_nonzero(mask)), self._most_earlier(result, mask)]
        copied = sum(count for count in counts if count < len(cells))
        return sum(counts) * _CELL_BYTES + copied * cells.nbytes // max(len(cells), 1)

    def _most_earlier(self, result: Result, mask: Mask) -> int:
        if not self.earlier:
            return 0
        days = days_of(result.cube, mask)
        before = [earlier(self.selection, days) for earlier in self.earlier]
        masks = (selection.mask(result.cube, result.folding) for selection in before if selection)
        return max((int(np.count_nonzero(mask)) for mask in masks), default=0)

    def body(self, result: Result) -> Body:
        """Select the cells, compute the table from them, and write it."""
        return self.write(result, self.selection.apply(result.cube, result.folding))

    def write(self, result: Result, cells: Cube) -> Body:
        """Compute the table from the selected cells, and write it."""
        table = self.table(result, cells)
        pieces = self.form.write(table, self.head(result))
        return Body(self.form.media_type, pieces, self.kept_bytes(table, result, cells))

    def kept_bytes(self, table: Table, result: Result, cells: Cube) -> int:
        """The bytes of memory that a table keeps until its last row is written."""
        numbers = len(table.rows) * len(table.columns) * _VALUE_BYTES
        most_cells = len(cells) + (len(result.cube) if self.earlier else 0)
        return most_cells * _KEPT_CELL_BYTES + numbers + result.names_bytes


class Computations:
    """Makes answers from cubes, within a number of bytes of memory, `size`."""

    def __init__(self, cubes: Cubes, size: int) -> None:
        self._cubes = cubes
        self._room = Room(size)
        self._threads = CapacityLimiter(_THREADS)
        self._reading = Lock()
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def answer(self, request: Request, computation: Computation) -> Response:
        """The answer with a table.

        Raises Problem: 503 if other answers use the memory it needs, 507 if it needs more than there is, and those of
        `Cubes.find`.
        """
        asking = asking_of(request.scope)
        found: Response | Result | Unread | None = self._answer_at_once(asking, computation)
        if found is None:
            found = await run_in_threadpool(self._answer_if_small, asking, computation)
        if isinstance(found, Response):
            return found
        if isinstance(found, Result):
            asking.answer_from(found)
            return await self._compute(request, computation, found)
        result, lease = await self._read(request, computation, found.job_id)
        asking.answer_from(result)
        if lease is None:
            return await self._compute(request, computation, result)
        return await self._begin_large(lease, lambda: computation.body(result))

    async def make(self, request: Request, size: int, make: Callable[[], Body]) -> Response:
        """The answer with a body that needs `size` bytes at its peak while it is made; raises the same Problems."""
        if size <= SMALL_BYTES:
            return await run_in_threadpool(lambda: self._begin(self._room.take_small(size), make))
        lease = await _while_connected(request, self._room.take(size))
        return await self._begin_large(lease, make)

    async def _compute(self, request: Request, computation: Computation, result: Result) -> Response:
        mask, size = await self._run(lambda: computation.needs(result))
        if mask.all():
            return await self.make(request, size, lambda: computation.write(result, result.cube))
        return await self.make(request, size, lambda: computation.write(result, result.cube.where(mask)))

    def _answer_at_once(self, asking: Asking, computation: Computation) -> Response | Result | None:
        """The answer from a cube in memory, made in the event loop: a thread would take longer than a small cube does.

        A cube that is large, if the asking knows it; None if it is to be found, or if the answer may have to wait.
        """
        info = asking.info_of(computation.job_id)
        found = self._cubes.known(info) if info else None
        if found is None:
            return None
        check_version(found, computation.version)
        size = computation.most_bytes(found)
        if size > SMALL_BYTES:
            return found
        lease = self._room.take_free(size) if computation.is_quick else None
        if lease is None:
            return None
        asking.answer_from(found)
        return self._begin(lease, lambda: computation.body(found))

    def _answer_if_small(self, asking: Asking, computation: Computation) -> Response | Result | Unread:
        found = self._find(computation)
        if isinstance(found, Unread) and found.bytes <= SMALL_BYTES:
            found = self._read_small(computation)
        if isinstance(found, Unread):
            return found
        size = computation.most_bytes(found)
        if size > SMALL_BYTES:
            return found
        asking.answer_from(found)
        return self._begin(self._room.take_small(size), lambda: computation.body(found))

    def _read_small(self, computation: Computation) -> Result | Unread:
        with self._reading:
            found = self._find(computation)  # another request may have read it meanwhile
            if not isinstance(found, Unread) or found.bytes > SMALL_BYTES:
                return found
            with self._room.take_small(found.bytes):
                return found.read() or found

    def _find(self, computation: Computation) -> Result | Unread:
        found = self._cubes.find(computation.job_id, computation.partial)
        check_version(found, computation.version)
        return found

    async def _begin_large(self, lease: Lease, make: Callable[[], Body]) -> Response:
        """Begin an answer in the threads of large work; an empty piece says that others may use them now."""
        with ExitStack() as held:
            held.enter_context(lease)
            body = await self._run(make)
            first: bytes | None = b""
            while first == b"":
                first = await self._run(lambda: next(body.pieces, None))
            held.pop_all()
        begun = replace(body, pieces=chain([first or b""], body.pieces))
        return await self._run(lambda: self._begin(lease, lambda: begun))

    def _begin(self, lease: Lease, make: Callable[[], Body]) -> Response:
        """Begin an answer: as a whole if it is one piece, otherwise as a stream, which keeps the lease."""
        with ExitStack() as held:
            held.enter_context(lease)
            body = make()
            pieces = filter(None, body.pieces)
            first, second = next(pieces, b""), next(pieces, None)
            if second is None:
                return Response(first, media_type=body.media_type, headers=body.headers)
            held.pop_all()
        lease = self._room.keep(lease, body.kept_bytes + _PIECES_BYTES)
        return Stream(chain([first, second], pieces), body.media_type, lease, self._threads, body.headers)

    async def _read(self, request: Request, computation: Computation, job_id: str) -> tuple[Result, Lease | None]:
        """Read a cube: only one request at a time reads that of a job, and others find it read.

        One that is not complete is not cached, and comes with the lease of its memory, which is enough to compute, too.
        """
        async with self._turn(job_id):
            while isinstance(found := await run_in_threadpool(self._find, computation), Unread):
                lease = await _while_connected(request, self._room.take(found.bytes))
                with ExitStack() as held:
                    held.enter_context(lease)
                    result = await self._run(found.read)
                    if result and not result.complete:
                        held.pop_all()
                        return result, lease
                if result:
                    return result, None
        return found, None

    @asynccontextmanager
    async def _turn(self, job_id: str) -> AsyncIterator[None]:
        turn = self._turns.setdefault(job_id, asyncio.Lock())
        try:
            async with asyncio.timeout(WAIT_S):
                await turn.acquire()
        except TimeoutError:
            raise busy() from None
        try:
            yield
        finally:
            turn.release()

    async def _run(self, work: Callable[[], Returned]) -> Returned:
        return await to_thread.run_sync(work, limiter=self._threads)


async def _while_connected(request: Request, waiting: Coroutine[Any, Any, Returned]) -> Returned:
    """Wait, but no longer than the client; raises ClientDisconnect."""
    task, gone = asyncio.create_task(waiting), asyncio.create_task(_disconnect(request))
    try:
        await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientDisconnect
        return task.result()
    finally:
        task.cancel()
        gone.cancel()


async def _disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
