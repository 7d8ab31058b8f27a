"""Real things that some tests need, such as Docker: a test without one skips, or fails if the thing is required."""

import os
from collections.abc import Mapping
from typing import NoReturn

import pytest

#: The environment variable with the names of all required things, separated by spaces.
VARIABLE = "AUTOCONNECT_REQUIRE"
#: How to get each thing, by its name.
_REMEDIES: Mapping[str, str] = {
    "containers": "install Docker with Compose, and start its engine",
    "compose-v1": "install docker-compose 1.29",
    "compose-v2": "install the Compose plugin of Docker",
    "browser": "install Chromium or Chrome",
    "prometheus": "install prometheus; its service need not run",
    "tsc": "install node-typescript",
    "kubectl": "install kubectl 1.27 or newer; it needs no cluster",
    "sample": "put it there",
    "chaos": "run the tests as root on Linux, with nsenter and iptables",
    "queues": "run `make .venv/.queues`",
    "redis-server": "install redis-server",
    "redis-versions": "run `.venv/bin/python -m tests.servers`",
    "any-time": "mount a tmpfs on /dev/shm",
    "linux": "run the tests on Linux",
    "root": "run the tests as root",
    "capabilities": "run the tests on Linux, or as another user",
    "namespaces": "run the tests as root on Linux, with ip",
    "control-groups": "run the tests as root on Linux, where /sys/fs/cgroup can be written",
}


def require(name: str, reason: str) -> NoReturn:
    """End a test that lacks `name`: fail it if AUTOCONNECT_REQUIRE has that name, and skip it otherwise."""
    if name in os.environ.get(VARIABLE, "").split():
        pytest.fail(f"{VARIABLE} has {name!r}, but {reason}; {_REMEDIES[name]}", pytrace=False)
    # Only where CI does not require it: a laptop may lack it, and the reason says how to get it.
    pytest.skip(f"{reason}; {_REMEDIES[name]} ({name})")
