"""Says again and again how much memory the API has, so that no job becomes larger than what the API can hold."""

import threading
from collections.abc import Callable

from autoconnect.broker.connection import Client
from autoconnect.broker.limits import RENEW_S, Announcement
from autoconnect.errors import BrokerUnavailable

#: Seconds until another attempt after Redis did not take it.
_RETRY_S = 1.0


class Announcer:
    """Announces the memory of this process, in a thread of its own."""

    def __init__(self, client: Client) -> None:
        self._announcement = Announcement(client, "api")
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._announce, name="announcer", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread, and withdraw what it said."""
        self._ended.set()
        self._thread.join()

    def _announce(self) -> None:
        pause_s = 0.0
        while not self._ended.wait(pause_s):
            pause_s = RENEW_S if _succeeds(self._announcement.renew) else _RETRY_S
        _succeeds(self._announcement.withdraw)


def _succeeds(call: Callable[[], None]) -> bool:
    try:
        call()
    except BrokerUnavailable:  # the watch of Redis logs it
        return False
    return True
