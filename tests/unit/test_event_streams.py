"""What one watcher is sent: the newest event of each job, comments while nothing happens, and an end."""

import asyncio

import pytest
from starlette.types import Message

from api.event_streams import EventStream, Told, Watcher


def told(entry: int, job_id: str = "a", *, ends: bool = False) -> Told:
    return Told(f"{entry}-0:{job_id}", (entry, 0), job_id, ends, f"{entry} {job_id}\n".encode())


def sent(watcher: Watcher) -> bytes:
    """All that an ended watcher sends, without the first text."""

    async def read() -> list[bytes]:
        return [text async for text in watcher.texts()]

    first, *others = asyncio.run(read())
    assert first == b"retry: 1000\n\n"
    return b"".join(others)


def test_a_slow_client_gets_the_newest_event_of_each_job_in_their_order() -> None:
    watcher = Watcher(None, None)
    for event in (told(1), told(2, "b"), told(3), told(4)):
        watcher.tell(event)
    watcher.end()
    assert sent(watcher) == b"2 b\n4 a\n"


def test_the_end_of_a_job_ends_its_stream_but_not_that_of_all_jobs() -> None:
    watcher = Watcher("a", None)
    watcher.tell(told(1))
    watcher.tell(told(2, ends=True))
    assert sent(watcher) == b"2 a\n"
    everything = Watcher(None, None)
    everything.tell(told(1, ends=True))
    everything.tell(told(2, "b"))
    everything.end()
    assert sent(everything) == b"1 a\n2 b\n"


def test_what_the_client_knows_and_what_is_older_is_not_sent() -> None:
    watcher = Watcher("a", "5-0:a")
    for event in (told(5), told(4, ends=True), told(6), told(6)):
        watcher.tell(event)
    watcher.end()
    assert sent(watcher) == b"6 a\n"


def test_a_client_with_too_much_to_read_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.event_streams._MAX_PENDING", 3)
    watcher = Watcher(None, None)
    for number in range(1, 5):
        watcher.tell(told(number, f"job {number}"))
    assert sent(watcher).count(b"\n") == 4


def test_comments_are_sent_while_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.event_streams._KEEP_ALIVE_S", 0.01)
    watcher = Watcher("a", None)

    async def read() -> list[bytes]:
        texts = watcher.texts()
        read = [await anext(texts) for _ in range(3)]
        watcher.tell(told(1, ends=True))
        return [*read, *[text async for text in texts]]

    assert asyncio.run(read()) == [b"retry: 1000\n\n", b": ping\n\n", b": ping\n\n", b"1 a\n"]


@pytest.mark.parametrize(
    ("last_id", "time_ms"), [("1700-2:a", 1_700), ("1700-2", 1_700), (None, None), ("", None), ("x-1", None)]
)
def test_the_time_of_the_last_event_is_read_from_its_id(last_id: str | None, time_ms: int | None) -> None:
    assert Watcher(None, last_id).last_time_ms == time_ms


def test_a_client_that_reads_nothing_is_cut_off_and_no_longer_watched() -> None:
    """Given a connection that takes the head of the answer only / I expect that the stream is cut off."""
    taken: list[str] = []
    watched: list[Watcher] = []

    async def send(message: Message) -> None:
        taken.append(message["type"])
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    stream = EventStream(Watcher(None, None), watched.append, watched.remove, patience_s=0.05)
    scope = {"type": "http", "asgi": {"spec_version": "2.3"}, "path": "/api/v1/events"}
    asyncio.run(asyncio.wait_for(stream(scope, receive, send), timeout=120))
    assert taken == ["http.response.start", "http.response.body"]
    assert not watched
