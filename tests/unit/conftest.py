"""Fixtures that several unit tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.public_cases import make_big


@pytest.fixture(scope="module")
def big_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The larger public cases; they are deleted after the module, since they take 50 MB."""
    folder = tmp_path_factory.mktemp("big")
    make_big(folder)
    yield folder
    for path in folder.iterdir():
        path.unlink()
