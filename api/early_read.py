"""Reads the published result before a request is parsed: each takes as long as the other, so both at once take half.

Only what is asked for after a request has arrived is new enough for it. So a connection asks whenever it has received
something, and only the request that this belongs to takes the reply.
"""

from starlette.types import Scope

from autoconnect.broker.result_reader import Reading, ResultReader

#: The name of the reader in the state of the application, and that of a connection's early read in its requests'.
READER = "autoconnect.result_reader"
EARLY_READ = "autoconnect.early_read"


class EarlyRead:
    """The early read of one connection, for clients that ask for one metric after another.

    It is made only if the request before took one: a client that is refused, or asks for something else, costs Redis
    nothing.
    """

    def __init__(self, reader: ResultReader) -> None:
        self._reader = reader
        self._is_likely = False
        self._reading: Reading | None = None

    def begin(self, received: bytes) -> None:
        """Ask now, if the bytes that have just been received may be a request that needs it.

        The bytes that end a request come last, so what was asked for before them is dropped.
        """
        is_worth_it = self._is_likely and received.startswith(b"GET ")
        self._is_likely = False
        self._reading = self._reader.read() if is_worth_it else None

    def drop(self) -> None:
        """End the request: the next one may have been sent before, but must see what this one has changed."""
        self._reading = None

    def take(self) -> Reading:
        """The early read, or one that is asked for now."""
        self._is_likely = True
        reading, self._reading = self._reading, None
        return reading or self._reader.read()


def read_published(scope: Scope, reader: ResultReader) -> Reading:
    """What is known of the published result at some instant after the request arrived."""
    early: EarlyRead | None = scope.get("state", {}).get(EARLY_READ)
    return early.take() if early else reader.read()
