"""Stacks, pages in a real browser, and a Redis that a test may stop."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from autoconnect.generate import generate
from tests.chaos.redis_server import RedisServer
from tests.e2e.browsing import watched
from tests.e2e.processes import DEFAULT_WORKERS, Up, running
from tests.e2e.waiting import wait_until
from tests.required import require

#: Milliseconds until a page must show what a test expects: a busy machine is several times slower.
expect.set_options(timeout=120_000)
#: The stack's default source: with a cost column, bad rows, and names that filters must find in any spelling.
SOURCE = "transactions_autoconnect.csv"
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


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
    """A running `autoconnect up` that has processed its source; all tests share it, and leave it running."""
    folder = tmp_path_factory.mktemp("up")
    (folder / "data").mkdir()
    (folder / "data" / SOURCE).write_text(stack_source(3_000))
    with running(folder, DEFAULT_WORKERS) as stack:
        stack.first_job = wait_until("the first job", stack.latest)["id"]
        job = stack.ended(stack.first_job)
        assert job["status"] == "completed", job
        yield stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A stack with small batches that has processed its source, for tests that leave jobs and files behind."""
    folder = tmp_path_factory.mktemp("stack")
    (folder / "data").mkdir()
    (folder / "data" / SOURCE).write_text(stack_source(1_000))
    with running(folder, {"AUTOCONNECT_BATCH_BYTES": "100000"}) as stack:
        stack.first_job = wait_until("the first job", stack.latest)["id"]
        assert stack.ended(stack.first_job)["status"] == "completed"
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


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis of its own."""
    server = RedisServer(tmp_path / "redis")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if path is None:
        require("browser", f"there is no browser on the PATH ({', '.join(_BROWSERS)})")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, up: Up) -> Iterator[Page]:
    """A page; its test fails on an error in the console, and on a request to any address but the API's."""
    with watched(browser, up.url) as page:
        yield page


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Page]:
    """A page whose errors fail no test."""
    with browser.new_context(locale="en-GB") as context:
        yield context.new_page()
