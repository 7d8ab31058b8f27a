"""Waiting for a condition, and free ports."""

import itertools
import os
import random
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

Result = TypeVar("Result")

#: The first port that tests may take, and the number of ports for each process of a run.
_FIRST_PORT, _PORTS_EACH = 10_000, 2_500
#: The first number is random, because another run on this machine may take ports, too.
_numbers = itertools.count(random.randrange(_PORTS_EACH))


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
    """A port of the loopback interface that is free, and that no other process of this run is given, even later.

    It lies below the ports that Linux gives to connections.
    """
    process = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    while True:
        port = _FIRST_PORT + process * _PORTS_EACH + next(_numbers) % _PORTS_EACH
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
