"""Keys of another program, which fill the Redis of a test."""

from autoconnect.broker import server
from autoconnect.broker.connection import Client

_PIECE_BYTES = 16 << 10
#: Bytes below the target that are close enough.
_TOLERANCE_BYTES = 2 << 10


class ForeignKeys:
    """Fills memory with many small keys: allocators round up large ones, and Redis 6.2 gives those up to 1 MiB more."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._names: list[str] = []

    def fill(self, used: int) -> None:
        """Write keys until `used` bytes are in use, or one piece more; nothing if more are in use."""
        while (missing := used - server.read_memory(self._client).used) > _TOLERANCE_BYTES:
            # A key takes up to twice the bytes of its value. SETRANGE needs no large argument, which takes memory, too.
            count = missing // (2 * _PIECE_BYTES)
            size = _PIECE_BYTES if count else missing // 2
            added = [f"a key of another program {len(self._names) + number}" for number in range(max(count, 1))]
            self._client.call_many([["SETRANGE", name, size - 1, "x"] for name in added])
            self._names += added

    def clear(self) -> None:
        """Delete them."""
        if self._names:
            self._client.call("DEL", *self._names)
            self._names.clear()
