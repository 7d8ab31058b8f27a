"""Real things that some tests need, such as Docker: a test without one skips, or fails if the thing is required."""

import os
from typing import NoReturn

import pytest

#: The environment variable with the names of all required things, separated by spaces.
VARIABLE = "AUTOCONNECT_REQUIRE"


def require(name: str, reason: str) -> NoReturn:
    """End a test that lacks `name`: fail it if AUTOCONNECT_REQUIRE has that name, and skip it otherwise."""
    if name in os.environ.get(VARIABLE, "").split():
        pytest.fail(f"{VARIABLE} has {name!r}, but {reason}", pytrace=False)
    pytest.skip(f"{reason} (to fail instead, set {VARIABLE}={name})")
