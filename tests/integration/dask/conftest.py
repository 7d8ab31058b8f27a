"""What all tests of the engine `dask` use: a file, and a cluster of processes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from autoconnect.generate import generate
from tests.integration.dask.cluster import Cluster, started

ROWS = 4_000


@pytest.fixture(scope="session")
def data() -> bytes:
    return "".join(generate(ROWS, seed=8, bad_ratio=0.03)).encode()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A cluster for a test that kills a part of it."""
    with started(tmp_path) as cluster:
        yield cluster
