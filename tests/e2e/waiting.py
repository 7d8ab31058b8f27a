"""Waiting for a condition, and free ports."""

import socket
import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


def wait_until(
    condition: str, check: Callable[[], Result | None], timeout_s: float = 120, poll_s: float = 0.1
) -> Result:
    """The first true result of `check`; raises TimeoutError, which names the condition."""
    end = time.monotonic() + timeout_s
    while True:
        if result := check():
            return result
        if time.monotonic() > end:
            raise TimeoutError(f"waited {timeout_s:.0f} s for {condition}")
        time.sleep(poll_s)


def free_port() -> int:
    """A port of the loopback interface that is free at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
