"""The system page: live workers, dead batches, the memory of Redis, and what it says about failures."""

import math
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from autoconnect.broker import batches
from autoconnect.broker.connection import connect
from tests.chaos.redis_server import RedisServer
from tests.e2e.browsing import KEY, ready
from tests.e2e.processes import Up, environment
from tests.integration.api_server import api_server
from tests.integration.stack import Stack
from worker.group import GroupPolicy

pytestmark = pytest.mark.browser

#: A lease that does not end during a test.
LONG_LEASE_MS = 600_000


def figure(page: Page, name: str) -> Locator:
    return page.locator(f"[data-figure={name}] .figure__value")


@pytest.fixture
def system(page: Page, up: Up) -> Page:
    page.goto(f"{up.url}/system")
    expect(page.locator("#workers tbody tr")).to_have_count(3)
    return page


@pytest.fixture(params=["light", "dark"])
def themed(request: pytest.FixtureRequest, system: Page) -> Page:
    system.emulate_media(color_scheme=request.param)
    return system


@contextmanager
def live_worker(redis_url: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    settings = {"REDIS_URL": redis_url, "DATA_DIR": str(folder), "UPLOAD_DIR": str(folder)}
    variables = environment({f"AUTOCONNECT_{name}": value for name, value in settings.items()})
    with subprocess.Popen([sys.executable, "-m", "worker.main"], env=variables) as process:
        try:
            yield process
        finally:
            process.terminate()


@contextmanager
def hand_driven(redis_url: str, folder: Path) -> Iterator[Stack]:
    """Services that do what the test says, on the Redis of the API."""
    with closing(connect(redis_url)) as client:
        stack = Stack(client, redis_url, folder, GroupPolicy(), lease_ms=LONG_LEASE_MS)
        try:
            yield stack
        finally:
            stack.close()


def test_it_shows_workers_queues_memory_and_version_of_a_running_stack(system: Page, up: Up) -> None:
    state = up.get("/system")
    expect(system.get_by_role("status").filter(has_text="workers are alive")).to_be_visible()
    expect(system.locator("#workers tbody tr").first).to_contain_text("ago")
    expect(system.locator("#queues li")).to_have_count(5)
    share = 100 * state["memory"]["used_bytes"] / state["memory"]["maximum_bytes"]
    expect(system.locator("#memory")).to_contain_text(f"in use: {math.ceil(share)}%")
    expect(system.locator("#about")).to_contain_text(state["version"])
    for path in ("/docs", "/redoc", "/openapi.json", "/metrics", "/health/ready"):
        system.get_by_role("main").get_by_role("link", name=path, exact=True).wait_for()
        assert up.client.get(path).status_code == 200


def test_axe_finds_nothing(themed: Page) -> None:
    assert Axe().run(themed).response["violations"] == []


def test_at_360_pixels_nothing_is_wider_than_the_page(browser: Browser, up: Up) -> None:
    with browser.new_context(viewport={"width": 360, "height": 740}, locale="fr-FR") as context:
        narrow = context.new_page()
        narrow.goto(f"{up.url}/system")
        expect(narrow.locator("#workers tbody tr")).to_have_count(3)
        assert narrow.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_worker_appears_when_it_starts_and_vanishes_when_it_ends(
    visitor: Page, redis: RedisServer, tmp_path: Path
) -> None:
    with api_server(tmp_path, redis.url) as server:
        visitor.goto(f"{ready(server).url}/system")
        expect(visitor.get_by_role("link", name="No worker is alive")).to_be_visible()
        expect(figure(visitor, "workers")).to_have_text("0")
        with live_worker(redis.url, tmp_path) as worker:
            row = visitor.locator("#workers tbody tr")
            expect(row).to_contain_text(f"· {worker.pid}")
            expect(figure(visitor, "workers")).to_have_text("1")
            expect(visitor.get_by_role("link", name="No worker is alive")).to_have_count(0)
        expect(visitor.locator("#workers tbody tr")).to_have_count(0)
        expect(visitor.get_by_role("link", name="No worker is alive")).to_be_visible()


def test_claimed_batches_are_shown_with_their_worker_and_dead_ones_can_be_retried(
    visitor: Page, redis: RedisServer, tmp_path: Path
) -> None:
    with (
        api_server(tmp_path, redis.url) as server,
        hand_driven(redis.url, tmp_path) as stack,
    ):
        visitor.goto(f"{ready(server).url}/system")
        worker, job_id = stack.worker(), stack.planned(stack.generated(name="june.csv"))
        item = stack.claimed(worker).id
        expect(visitor.locator("#workers tbody tr")).to_contain_text(f"june.csv, batch {item.batch}")
        assert batches.give_back_batch(stack.client, worker.id, item, max_attempts=1, reason="no luck")
        dead = visitor.locator("#dead li")
        expect(dead).to_contain_text(f"Batch {item.batch} is dead")
        expect(dead).to_contain_text("no luck")
        assert Axe().run(visitor).response["violations"] == []
        visitor.get_by_role("button", name="Try again: june.csv").click()
        expect(dead).to_have_count(0)
        assert stack.finish(job_id, stack.worker()).error is None
        expect(figure(visitor, "open")).to_have_text("0")


def test_a_retry_that_is_refused_says_why(visitor: Page, redis: RedisServer, tmp_path: Path) -> None:
    with api_server(tmp_path, redis.url) as server, hand_driven(redis.url, tmp_path) as stack:
        visitor.goto(f"{ready(server).url}/system")
        worker = stack.worker()
        stack.planned(stack.generated(name="june.csv"))
        assert batches.give_back_batch(stack.client, worker.id, stack.claimed(worker).id, max_attempts=1, reason="x")
        stack.generated(rows=10, name="june.csv")
        visitor.get_by_role("button", name="Try again: june.csv").click(timeout=120_000)
        expect(visitor.locator("#dead").get_by_role("alert")).to_contain_text("no longer the file")
        expect(visitor.get_by_role("button", name="Try again: june.csv")).to_be_enabled()


def test_a_redis_that_is_nearly_full_is_named_with_what_it_stops(
    visitor: Page, redis: RedisServer, tmp_path: Path
) -> None:
    with api_server(tmp_path, redis.url) as server:
        visitor.goto(f"{ready(server).url}/system")
        redis.fill_memory(0.8)
        expect(visitor.get_by_role("link", name="workers claim no more batches")).to_be_visible()
        redis.free_memory()
        expect(visitor.get_by_role("link", name="workers claim no more batches")).to_have_count(0)


def test_it_says_that_redis_is_away_then_that_the_api_is(visitor: Page, redis: RedisServer, tmp_path: Path) -> None:
    with api_server(tmp_path, redis.url) as server:
        visitor.goto(f"{ready(server).url}/system")
        told = visitor.get_by_role("main").get_by_role("status")
        expect(told).to_contain_text("No worker is alive")
        redis.freeze()
        expect(told).to_contain_text("Redis does not answer")
        expect(figure(visitor, "workers")).to_have_text("0")
        redis.wake()
        expect(told).not_to_contain_text("does not answer")
        server.process.terminate()
        expect(told).to_contain_text("The API does not answer")


def test_a_key_is_asked_for_and_lets_in(visitor: Page, redis: RedisServer, tmp_path: Path) -> None:
    with api_server(tmp_path, redis.url, API_KEY=KEY, API_KEY_FOR_READING="true") as server:
        visitor.goto(f"{ready(server).url}/system")
        visitor.get_by_role("textbox", name="API key").fill(KEY)
        visitor.get_by_role("dialog").get_by_role("button", name="Sign in").click()
        expect(figure(visitor, "workers")).to_have_text("0")
        assert re.fullmatch(rf"{server.url}/system", visitor.url)
