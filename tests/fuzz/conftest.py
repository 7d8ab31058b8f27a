"""One running stack for all that call an API as nobody should."""

from collections.abc import Iterator

import pytest

from tests.e2e.processes import Up
from tests.fuzz.openapi import fuzzed_stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A stack that has published a result; by whatever comes over it, it must go on answering."""
    with fuzzed_stack(tmp_path_factory.mktemp("stack")) as running:
        yield running
