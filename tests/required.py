"""The real things that some tests need: without one they skip on a laptop, and fail where it is required."""

import os
from typing import NoReturn

import pytest

#: Names of what must be there, separated by spaces.
VARIABLE = "AUTOCONNECT_REQUIRE"


def require(name: str, reason: str) -> NoReturn:
    """Ends the test for want of `name`: it fails where AUTOCONNECT_REQUIRE has that name, and skips elsewhere."""
    if name in os.environ.get(VARIABLE, "").split():
        pytest.fail(f"{VARIABLE} has {name!r}, but {reason}", pytrace=False)
    pytest.skip(f"{reason} (where it must be there: {VARIABLE}={name})")
