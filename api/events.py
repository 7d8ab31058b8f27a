"""Tells all clients of this process which jobs change: one task reads it from Redis, whatever their number.

Redis is the truth: the task looks what has changed, ten times a second at most, so there is no message to lose.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress

from anyio import CapacityLimiter, to_thread
from fastapi.sse import format_sse_event

from api.event_streams import Told, Watcher, removed
from autoconnect.broker.connection import Client
from autoconnect.broker.events import Changes, Follower
from autoconnect.errors import BrokerUnavailable

#: Least seconds between two looks ...
_EVERY_S = 0.1
#: ... and least pause after a look, as a multiple of its time: thousands of open jobs must not take the whole process.
_REST = 4
#: Most seconds between two looks: the time of one counts that Redis needs to answer, or not to.
_MAX_PAUSE_S = 1.0
#: Seconds after which all is read again: Redis may have come back in an earlier state without a lost connection.
_READ_ALL_S = 10.0
#: Seconds for which the task goes on without a client, so that one that connects again misses nothing.
_LINGER_S = 60.0

_SNAPSHOT = format_sse_event(event="snapshot", data_str="{}")


class Events:
    """The clients that wait for events, and the newest event of each job; only the event loop's thread uses it."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._watchers: defaultdict[str | None, set[Watcher]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None
        self._is_stopped = False
        self._forget_all()

    def watch(self, watcher: Watcher) -> None:
        """Tell a client all events from now on; it begins with what has changed since its last one."""
        self._watchers[watcher.job_id].add(watcher)
        if self._is_stopped:
            watcher.end()
        elif self._task is None:
            self._task = asyncio.create_task(self._run())
        elif self._since_ms is not None:
            self._begin(watcher)
        if self._fault:
            _end_with(watcher, self._fault)

    def leave(self, watcher: Watcher) -> None:
        """Forget a client."""
        self._watchers[watcher.job_id].discard(watcher)
        if not self._watchers[watcher.job_id]:
            del self._watchers[watcher.job_id]

    def stop(self) -> None:
        """End all streams in an orderly way, and each one that begins later."""
        self._is_stopped = True
        for watcher in self._all():
            watcher.end()

    async def end(self) -> None:
        """Stop, and wait until Redis is no longer read."""
        self.stop()
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def _all(self) -> list[Watcher]:
        return [watcher for watchers in self._watchers.values() for watcher in watchers]

    def _forget_all(self) -> None:
        self._follower = Follower(self._client)
        self._told: dict[str, Told] = {}
        self._since_ms: int | None = None  # since this time, no event is missing
        self._now_ms = 0
        self._fault = b""

    async def _run(self) -> None:
        """Look again and again, until no client has been there for a while."""
        loop, thread = asyncio.get_running_loop(), CapacityLimiter(1)
        last_watched = last_read = loop.time()
        try:
            while (begun := loop.time()) - last_watched < _LINGER_S:
                if begun - last_read > _READ_ALL_S:
                    last_read = begun
                    self._follower.start_over()
                await self._look(thread)
                if self._watchers:
                    last_watched = loop.time()
                await asyncio.sleep(min(max(_EVERY_S, _REST * (loop.time() - begun)), _MAX_PAUSE_S))
        finally:
            self._task = None
            self._forget_all()

    async def _look(self, thread: CapacityLimiter) -> None:
        watched = {job_id for job_id in self._watchers if job_id}
        try:
            changes = await to_thread.run_sync(self._follower.look, watched, limiter=thread)
        except BrokerUnavailable as error:
            self._follower.start_over()
            if not self._fault:
                detail = json.dumps({"detail": str(error)}, ensure_ascii=False)
                self._fault = format_sse_event(event="unavailable", data_str=detail)
                for watcher in self._all():
                    _end_with(watcher, self._fault)
            return
        self._fault = b""
        self._apply(changes)

    def _apply(self, changes: Changes) -> None:
        told = [Told.of(event) for event in changes.events]
        self._told |= {each.job_id: each for each in told}
        self._now_ms = changes.now_ms
        self._drop(changes)
        if self._since_ms is None:
            self._since_ms = 0 if changes.is_complete else changes.now_ms
            for watcher in self._all():
                self._begin(watcher)
            return
        for each in told:
            for watcher in (*self._watchers.get(each.job_id, ()), *self._watchers.get(None, ())):
                watcher.tell(each)

    def _drop(self, changes: Changes) -> None:
        for job_id in (*changes.gone, *changes.dropped):
            dropped = self._told.pop(job_id, None)
            if dropped and self._since_ms is not None and job_id in changes.dropped:
                self._since_ms = max(self._since_ms, dropped.entry[0] + 1)
        for job_id in changes.gone:
            for watcher in (*self._watchers.get(job_id, ()), *self._watchers.get(None, ())):
                watcher.say(job_id, removed(job_id))
            for watcher in self._watchers.get(job_id, ()):
                watcher.end()

    def _begin(self, watcher: Watcher) -> None:
        """Tell a client the state of its job; of all jobs those that have changed since its last event, if known."""
        if watcher.job_id:
            self._tell_all(watcher, [self._told[watcher.job_id]] if watcher.job_id in self._told else [])
            return
        last_ms, last_id = watcher.last_time_ms, watcher.last_id
        assert self._since_ms is not None
        if last_ms is None or not self._since_ms <= last_ms <= self._now_ms:
            watcher.say("snapshot", _SNAPSHOT)
            last_ms, last_id = 0, None
        since = [each for each in self._told.values() if each.entry[0] >= last_ms]
        self._tell_all(watcher, [each for each in since if each.id != last_id])

    def _tell_all(self, watcher: Watcher, told: Iterable[Told]) -> None:
        for each in sorted(told, key=lambda each: each.entry):
            watcher.tell(each)


def _end_with(watcher: Watcher, fault: bytes) -> None:
    """End a stream while Redis is away: its client connects again, and finds out how long that lasts."""
    watcher.say("", fault)
    watcher.end()
