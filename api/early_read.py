"""Reads the published result while a request is parsed: the round trip takes as long as parsing.

A read counts only if it began after the whole request had arrived. So each piece that arrives replaces the read, and
the end of an answer drops it.
"""

from starlette.types import Scope

from autoconnect.broker.result_reader import Reading, ResultReader

#: Keys of the ASGI state: the application's reader, and the early read of a request's connection.
READER = "autoconnect.result_reader"
EARLY_READ = "autoconnect.early_read"


class EarlyRead:
    """The early read of one connection, for clients that ask for one metric after another.

    A connection reads early only if its previous request used the read. So a client that is refused, or asks for
    something else, costs Redis one unused read at most.
    """

    def __init__(self, reader: ResultReader) -> None:
        self._reader = reader
        self._was_used = False
        self._reading: Reading | None = None

    def begin(self, received: bytes) -> None:
        """Ask now if these bytes may be the whole of a request that uses the result; drop an earlier read."""
        may_use_it = self._was_used and received.startswith(b"GET ")
        self._was_used = False
        self._reading = self._reader.read() if may_use_it else None

    def drop(self) -> None:
        """Forget the read when an answer ends: a request that has already arrived must see what this one changed."""
        self._reading = None

    def take(self) -> Reading:
        """The early read, or one that is asked for now."""
        self._was_used = True
        reading, self._reading = self._reading, None
        return reading or self._reader.read()


def read_published(scope: Scope, reader: ResultReader) -> Reading:
    """The published result as it was at some moment after the request arrived."""
    early: EarlyRead | None = scope.get("state", {}).get(EARLY_READ)
    return early.take() if early else reader.read()
