"""Memory that computations share: each takes what it needs and gives it back, and waits briefly if that is not free."""

import asyncio
import os
from collections import deque
from collections.abc import Callable
from threading import Condition
from typing import Self

from api.problems import Problem
from autoconnect.core.capacity import NEEDS

#: Seconds for which a computation waits for others to give memory back.
WAIT_S = 2.0
#: Computations that may wait: each holds the selection of its cells, one byte per cell.
_MAX_WAITING = 32
#: Large computations at once: those that are being made, and those whose answer is being sent.
_PLACES = 8
#: Seconds after which a client should ask again: a large answer takes several to be made and sent.
_RETRY_AFTER_S = 5
#: Bytes up to which a computation is small: it takes milliseconds.
SMALL_BYTES = 4 << 20
#: Share of the memory that is for small computations alone.
_SMALL_SHARE = 0.125
#: Share of its limit that the process fills; the system counts what it keeps of files, too.
_SHARE_OF_LIMIT = 0.9
#: Share of the machine, where the other services are.
_SHARE_OF_MACHINE = 0.25
#: Bytes that are used whatever the limit is: the least for a few thousand cells.
_LEAST_BYTES = 64 << 20


def spare_bytes(limit_bytes: int) -> int:
    """The bytes that cubes and computations may use in a process that may use `limit_bytes`."""
    machine_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    usable = min(limit_bytes * _SHARE_OF_LIMIT, machine_bytes * _SHARE_OF_MACHINE)
    return max(int(usable) - NEEDS["api"].base, _LEAST_BYTES)


class Lease:
    """Bytes that a computation has taken, and its place if it is a large one."""

    def __init__(self, pool: "_Pool", size: int, places: int) -> None:
        self.pool = pool
        self._size = size
        self._places = places

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def shrink(self, size: int) -> None:
        """Give back all but `size` bytes."""
        surplus = max(self._size - size, 0)
        self._size -= surplus
        self.pool.give_back(surplus, 0)

    def release(self) -> None:
        """Give back everything; a second call does nothing."""
        size, places = self._size, self._places
        self._size = self._places = 0
        self.pool.give_back(size, places)


class _Pool:
    """Bytes and places that any thread may take and give back."""

    def __init__(self, size: int, places: int, on_give_back: Callable[[], None]) -> None:
        self.size = self._free = size
        self._places = places
        self._given_back = Condition()
        self._on_give_back = on_give_back

    def take(self, size: int, places: int, wait_s: float = 0) -> Lease | None:
        """Take bytes and places; None if they are not free in time."""
        with self._given_back:
            if not self._given_back.wait_for(lambda: self._free >= size and self._places >= places, wait_s):
                return None
            self._free -= size
            self._places -= places
        return Lease(self, size, places)

    def give_back(self, size: int, places: int) -> None:
        with self._given_back:
            self._free += size
            self._places += places
            self._given_back.notify_all()
        self._on_give_back()


class Room:
    """A number of bytes; small computations take theirs at once, from any thread, and large ones in turn."""

    def __init__(self, size: int) -> None:
        for_small = int(size * _SMALL_SHARE)
        self._small = _Pool(for_small, 0, lambda: None)
        self._large = _Pool(size - for_small, _PLACES, self._on_give_back)
        self._turns: deque[asyncio.Event] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None

    def take_small(self, size: int) -> Lease:
        """Take the bytes of a small computation, in a thread; others of them give theirs back within milliseconds.

        Raises Problem 503 if they do not.
        """
        if lease := self._small.take(size, 0, WAIT_S):
            return lease
        raise busy()

    def keep(self, lease: Lease, size: int) -> Lease:
        """Exchange a lease for one of `size` bytes, while an answer is sent.

        The bytes are those for large computations, if possible, so that slow clients do not hold up small ones.
        """
        kept = self._large.take(size, 0) if lease.pool is self._small else None
        if kept is None:
            lease.shrink(size)
            return lease
        lease.release()
        return kept

    def take_free(self, size: int) -> Lease | None:
        """Take the bytes of a small computation in the event loop, which cannot wait; None if they are not free."""
        return self._small.take(size, 0)

    async def take(self, size: int) -> Lease:
        """Take the bytes and the place of a large computation, after all those that already wait.

        Raises Problem: 507 if the pool is smaller than that, 503 if its bytes are not free within WAIT_S.
        """
        if size > self._large.size:
            raise Problem(
                507,
                f"This answer needs {size >> 20:,} MiB of memory, and the API has {self._large.size >> 20:,} MiB for "
                "it; give the api service more memory.",
            )
        lease = None if self._turns else self._large.take(size, 1)
        return lease or await self._wait(size)

    async def _wait(self, size: int) -> Lease:
        if len(self._turns) >= _MAX_WAITING:
            raise busy()
        self._loop = asyncio.get_running_loop()
        turn = asyncio.Event()
        self._turns.append(turn)
        try:
            async with asyncio.timeout(WAIT_S):
                while True:
                    turn.clear()
                    if self._turns[0] is turn and (lease := self._large.take(size, 1)):
                        return lease
                    await turn.wait()
        except TimeoutError:
            raise busy() from None
        finally:
            self._turns.remove(turn)
            self._call_first()

    def _on_give_back(self) -> None:
        if self._loop and self._turns:
            self._loop.call_soon_threadsafe(self._call_first)

    def _call_first(self) -> None:
        if self._turns:
            self._turns[0].set()


def busy() -> Problem:
    """The problem of a computation that has waited too long."""
    return Problem(
        503,
        f"Too many large answers are made or sent already, and none ended within {WAIT_S:.0f} s; try again in "
        f"{_RETRY_AFTER_S} s, or select fewer cells with city, model, from, to or type.",
        headers={"Retry-After": str(_RETRY_AFTER_S)},
    )
