"""Another application's data in Redis, which comes at once and goes at once, and is never in the log."""

import socket
from threading import Event, Thread

#: Seconds between two bytes: Redis takes the memory of a client that has been idle for two seconds.
_BYTE_EVERY_S = 0.5


class Ballast:
    """A client that announces a long string and never ends it: Redis keeps as much memory for it."""

    def __init__(self, path: str, size: int) -> None:
        self._ended = Event()
        self._client = socket.socket(socket.AF_UNIX)
        self._client.connect(path)
        self._client.sendall(b"*3\r\n$3\r\nSET\r\n$7\r\nballast\r\n$%d\r\n" % size)
        self._thread = Thread(target=self._stay, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Free the memory."""
        self._ended.set()
        self._thread.join()
        self._client.close()

    def _stay(self) -> None:
        try:
            while not self._ended.wait(_BYTE_EVERY_S):
                self._client.sendall(b"0")
        except OSError:
            pass  # Redis has ended
