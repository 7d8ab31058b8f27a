"""One running stack, shared by all tests that leave it running."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from autoconnect.generate import generate
from tests.e2e.processes import DEFAULT_WORKERS, Up, running
from tests.e2e.waiting import wait_until

#: Milliseconds until a page must show what a test expects: a busy machine is several times slower.
expect.set_options(timeout=120_000)
#: The stack's default source: with a cost column, bad rows, and names that filters must find in any spelling.
SOURCE = "transactions_autoconnect.csv"


def stack_source(rows: int) -> str:
    """Generated rows: some are bad, two in three have a cost, and some names are hard to match."""
    lines = "".join(generate(rows, seed=5, bad_ratio=0.03)).splitlines()
    hard_names = {"Bordeaux": "Saint-Étienne", "Lyon": "Aix_en  Provence", "Audi A4": "Citroën_C3"}
    for plain, name in hard_names.items():
        lines = [line.replace(plain, name) for line in lines]
    costs = ("", "1234.56", "99")
    return "".join(f"{line},{costs[number % 3] if number else 'cout'}\n" for number, line in enumerate(lines))


@pytest.fixture(scope="session")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A running `autoconnect up` that has processed its source."""
    folder = tmp_path_factory.mktemp("up")
    (folder / "data").mkdir()
    (folder / "data" / SOURCE).write_text(stack_source(3_000))
    with running(folder, DEFAULT_WORKERS) as stack:
        stack.first_job = wait_until("the first job", stack.latest)["id"]
        job = stack.ended(stack.first_job)
        assert job["status"] == "completed", job
        yield stack


@pytest.fixture(scope="session")
def stack_data(up: Up) -> bytes:
    """The content of the stack's default source."""
    return (up.folder / "data" / SOURCE).read_bytes()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder to run commands in, with an empty data folder."""
    (tmp_path / "data").mkdir()
    return tmp_path
