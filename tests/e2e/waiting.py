"""Waiting for what is to come, and ports to use."""

import socket
import time
from collections.abc import Callable
from typing import TypeVar

_POLL_S = 0.1

Found = TypeVar("Found")


def wait_until(what: str, look: Callable[[], Found | None], timeout_s: float = 60) -> Found:
    """The first thing found; raises TimeoutError, which says what was waited for."""
    end = time.monotonic() + timeout_s
    while True:
        if found := look():
            return found
        if time.monotonic() > end:
            raise TimeoutError(f"waited {timeout_s:.0f} s for {what}")
        time.sleep(_POLL_S)


def free_port() -> int:
    """A port of the loopback that nobody has at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
