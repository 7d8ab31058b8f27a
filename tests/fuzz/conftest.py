"""One running stack for all tests that call the API in unusual ways."""

from collections.abc import Iterator

import pytest

from tests.e2e.processes import Up
from tests.fuzz.openapi import fuzzed_stack


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A stack that has published a result; it must keep answering whatever the tests send.

    It ends with its tests, because the jobs that they leave behind keep it busy.
    """
    with fuzzed_stack(tmp_path_factory.mktemp("stack")) as running:
        yield running
