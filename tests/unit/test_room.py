"""Computations share memory: small ones take theirs at once, large ones in turn, and none waits long."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from fastapi import Request
from starlette.requests import ClientDisconnect
from starlette.types import Message

from api import room as rooms
from api.computations import _while_connected
from api.problems import Problem
from api.room import Lease, Room, spare_bytes

MIB = 1 << 20


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(scenario())


async def begin(waiting: Coroutine[Any, Any, Lease]) -> asyncio.Task[Lease]:
    """Begin to wait."""
    task = asyncio.create_task(waiting)
    await asyncio.sleep(0)
    return task


def test_large_computations_take_turns_as_memory_becomes_free() -> None:
    async def scenario() -> None:
        room = Room(80 * MIB)
        first, second = await room.take(40 * MIB), await room.take(30 * MIB)
        third, fourth = await begin(room.take(60 * MIB)), await begin(room.take(5 * MIB))
        first.release()
        await asyncio.sleep(0)
        assert not third.done()
        assert not fourth.done()  # it would fit, but another one came first
        second.release()
        (await third).release()
        (await fourth).release()
        (await room.take(70 * MIB)).release()

    run(scenario)


def test_a_wait_is_brief_and_ends_with_a_503_that_says_when_to_ask_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "WAIT_S", 0.01)

    async def scenario() -> None:
        room = Room(80 * MIB)
        taken = await room.take(70 * MIB)
        with pytest.raises(Problem) as caught:
            await room.take(5 * MIB)
        assert caught.value.status == 503
        assert caught.value.headers == {"Retry-After": "5"}
        taken.shrink(60 * MIB)
        (await room.take(10 * MIB)).release()

    run(scenario)


def test_what_never_fits_is_a_507_at_once() -> None:
    async def scenario() -> None:
        with pytest.raises(Problem, match="needs 71 MiB of memory, and the API has 70 MiB") as caught:
            await Room(80 * MIB).take(71 * MIB)
        assert caught.value.status == 507

    run(scenario)


def test_small_computations_pass_while_large_ones_fill_their_memory() -> None:
    async def scenario() -> None:
        room = Room(80 * MIB)
        large = await room.take(70 * MIB)
        waiting = await begin(room.take(10 * MIB))
        small = [room.take_small(4 * MIB) for _ in range(2)]
        assert not waiting.done()
        large.release()
        (await waiting).release()  # what small ones have taken is not missing
        for lease in small:
            lease.release()

    run(scenario)


def test_small_computations_wait_for_each_other_but_not_long(monkeypatch: pytest.MonkeyPatch) -> None:
    room = Room(80 * MIB)
    leases = [room.take_small(5 * MIB) for _ in range(2)]
    threading.Thread(target=leases[0].release).start()
    room.take_small(5 * MIB)
    monkeypatch.setattr(rooms, "WAIT_S", 0.01)
    with pytest.raises(Problem) as caught:
        room.take_small(5 * MIB)
    assert caught.value.status == 503


def test_answers_that_are_sent_slowly_leave_small_computations_their_memory() -> None:
    async def scenario() -> None:
        room = Room(80 * MIB)
        kept = [room.keep(room.take_small(10 * MIB), 5 * MIB) for _ in range(14)]
        beyond = room.keep(room.take_small(10 * MIB), 5 * MIB)
        room.take_small(5 * MIB).release()  # the fifteenth has 5 of the 10 MiB for small ones
        for lease in [*kept, beyond]:
            lease.release()
        large = room.keep(await room.take(70 * MIB), 5 * MIB)
        await room.take(65 * MIB)
        large.release()

    run(scenario)


def test_few_large_computations_run_at_once_however_much_memory_there_is() -> None:
    async def scenario() -> None:
        room = Room(1 << 40)
        leases = [await room.take(5 * MIB) for _ in range(8)]
        waiting = await begin(room.take(5 * MIB))
        leases[0].shrink(0)
        await asyncio.sleep(0)
        assert not waiting.done()  # its answer is still being sent
        leases[0].release()
        leases[0].release()
        await waiting
        assert not (await begin(room.take(5 * MIB))).done()

    run(scenario)


def test_memory_that_a_thread_gives_back_ends_a_wait() -> None:
    async def scenario() -> None:
        room = Room(80 * MIB)
        taken = await room.take(70 * MIB)
        waiting = await begin(room.take(5 * MIB))
        threading.Thread(target=taken.release).start()
        await waiting

    run(scenario)


def test_one_that_no_longer_waits_holds_up_nobody() -> None:
    async def scenario() -> None:
        room = Room(80 * MIB)
        taken = await room.take(60 * MIB)
        gone, next_one = await begin(room.take(70 * MIB)), await begin(room.take(10 * MIB))
        gone.cancel()
        await next_one
        taken.release()
        (await room.take(60 * MIB)).release()

    run(scenario)


def test_a_client_that_leaves_gives_up_its_turn() -> None:
    async def scenario() -> None:
        has_left = asyncio.Event()

        async def receive() -> Message:
            await has_left.wait()
            return {"type": "http.disconnect"}

        room = Room(80 * MIB)
        taken = await room.take(60 * MIB)
        waiting = await begin(_while_connected(Request({"type": "http"}, receive), room.take(70 * MIB)))
        next_one = await begin(room.take(10 * MIB))
        has_left.set()
        with pytest.raises(ClientDisconnect):
            await waiting
        await next_one
        taken.release()
        assert await _while_connected(Request({"type": "http"}, receive), room.take(60 * MIB))

    run(scenario)


def test_only_so_many_wait() -> None:
    async def scenario() -> None:
        room = Room(80 * MIB)
        await room.take(70 * MIB)
        waiting = [await begin(room.take(5 * MIB)) for _ in range(32)]
        with pytest.raises(Problem) as caught:
            await room.take(5 * MIB)
        assert caught.value.status == 503
        assert not any(task.done() for task in waiting)
        for task in waiting:
            task.cancel()

    run(scenario)


def test_the_memory_of_a_container_is_for_cubes_and_computations_without_what_the_process_needs_anyway() -> None:
    assert 256 * MIB < spare_bytes(512 * MIB) < 412 * MIB
    assert spare_bytes(100 * MIB) == 64 * MIB
    assert spare_bytes(1 << 60) == spare_bytes(1 << 61)  # the machine is a limit, too
