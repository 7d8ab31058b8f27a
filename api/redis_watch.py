"""One view of whether Redis answers, which all requests share: none of them finds out by waiting."""

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import structlog

from autoconnect.broker.connection import Argument, Client, impatient_driver
from autoconnect.errors import BrokerSilent, BrokerUnavailable

log: structlog.stdlib.BoundLogger = structlog.get_logger()

#: Seconds between a reply and the next ping.
_PING_EVERY_S = 0.25
#: Seconds without a reply to a ping after which Redis counts as silent: every request is to be answered within 2 s.
_PING_TIMEOUT_S = 1.0
#: Seconds without a reply after which a request's thread gives up: by then the request has been answered.
_CALL_TIMEOUT_S = 2.0


class RedisWatch:
    """Pings Redis all the time, in a thread of its own, over a connection of its own.

    Redis may answer a ping with an error, for example if its disk is full. It is then not ready, but not silent either.
    """

    def __init__(self, url: str) -> None:
        self._client = Client(impatient_driver(url, _PING_TIMEOUT_S))
        self._fault: BrokerUnavailable | None = None
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, on_silence: Callable[[BrokerSilent], None]) -> None:
        """Ping once, then again and again; the thread calls `on_silence` each time that Redis has become silent."""
        self._look(on_silence)
        self._thread = threading.Thread(target=self._watch, args=(on_silence,), name="redis-watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; it may still wait for the reply to a ping."""
        self._end.set()
        if self._thread:
            self._thread.join()
        self._client.close()

    def check_answers(self) -> None:
        """Raise BrokerSilent if Redis does not answer."""
        if isinstance(self._fault, BrokerSilent):
            raise BrokerSilent(str(self._fault))

    def check_ready(self) -> None:
        """Raise BrokerUnavailable if Redis does not answer, or answers with an error."""
        if self._fault:
            raise BrokerUnavailable(str(self._fault))

    def _watch(self, on_silence: Callable[[BrokerSilent], None]) -> None:
        while not self._end.wait(_PING_EVERY_S):
            self._look(on_silence)

    def _look(self, on_silence: Callable[[BrokerSilent], None]) -> None:
        before, self._fault = self._fault, self._ping()
        if self._fault and not before:
            log.warning("redis unavailable", error=str(self._fault))
        elif before and not self._fault:
            log.info("redis available again", recovery="reconnected")
        if isinstance(self._fault, BrokerSilent) and not isinstance(before, BrokerSilent):
            on_silence(self._fault)

    def _ping(self) -> BrokerUnavailable | None:
        try:
            self._client.ping()
        except BrokerUnavailable as error:
            return error
        return None


class WatchedClient(Client):
    """A client that calls Redis only while the watch says that it answers, and never waits long for a reply."""

    def __init__(self, url: str, watch: RedisWatch) -> None:
        super().__init__(impatient_driver(url, _CALL_TIMEOUT_S))
        self._url = url
        self._watch = watch

    def start_over(self) -> None:
        """Use new connections from now on: a network that was cut may have forgotten those that look alive."""
        self._driver = impatient_driver(self._url, _CALL_TIMEOUT_S)

    def call(self, *command: Argument | float) -> Any:
        self._watch.check_answers()
        return super().call(*command)

    def call_many(self, commands: Iterable[Sequence[Argument]]) -> list[Any]:
        self._watch.check_answers()
        return super().call_many(commands)

    def run_script(self, name: str, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        self._watch.check_answers()
        return super().run_script(name, keys, arguments)
