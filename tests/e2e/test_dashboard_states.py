"""The page of results without a result, while Redis is away, and with a key for reading."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.chaos.redis_server import RedisServer
from tests.e2e.browsing import KEY, ready, watched
from tests.integration.api_server import api_server

pytestmark = pytest.mark.browser


def test_a_first_start_says_what_to_do_and_where(visitor: Page, redis: RedisServer, tmp_path: Path) -> None:
    with api_server(tmp_path, redis.url) as server:
        visitor.goto(ready(server).url)
        expect(visitor.get_by_role("heading", name="No result yet")).to_be_visible()
        visitor.get_by_role("main").get_by_role("link", name="Files and jobs").click()
        visitor.wait_for_url(f"{server.url}/jobs")


def test_a_first_visit_writes_no_error_to_the_console(browser: Browser, redis: RedisServer, tmp_path: Path) -> None:
    with api_server(tmp_path, redis.url) as server, watched(browser, ready(server).url, locale="en-GB") as page:
        page.goto(server.url)
        expect(page.get_by_role("heading", name="No result yet")).to_be_visible()


def test_the_page_comes_back_by_itself_when_redis_does(visitor: Page, redis: RedisServer, tmp_path: Path) -> None:
    with api_server(tmp_path, redis.url) as server:
        visitor.goto(ready(server).url)
        expect(visitor.get_by_role("heading", name="No result yet")).to_be_visible()
        redis.freeze()
        expect(visitor.locator(".banner")).to_be_visible()
        redis.wake()
        expect(visitor.locator(".banner")).to_be_hidden()
        expect(visitor.get_by_role("heading", name="No result yet")).to_be_visible()


def test_a_key_is_asked_for_and_stays_out_of_the_url(visitor: Page, redis: RedisServer, tmp_path: Path) -> None:
    with api_server(tmp_path, redis.url, API_KEY=KEY, API_KEY_FOR_READING="true") as server:
        visitor.goto(ready(server).url)
        visitor.get_by_role("textbox", name="API key").fill(KEY)
        visitor.get_by_role("dialog").get_by_role("button", name="Sign in").click()
        expect(visitor.get_by_role("heading", name="No result yet")).to_be_visible()
        assert KEY not in visitor.url
        assert visitor.evaluate("[localStorage.length, sessionStorage.getItem('api-key')]") == [0, KEY]


@pytest.mark.parametrize("part", ["signin.js", "en.json"])
def test_a_page_is_loaded_again_a_few_times_if_a_part_of_it_did_not_load(
    visitor: Page, redis: RedisServer, tmp_path: Path, part: str
) -> None:
    with api_server(tmp_path, redis.url) as server:
        visits: list[str] = []
        refused_visits = 2

        def refuse(route: Route) -> None:
            if len(visits) <= refused_visits:
                route.abort()
            else:
                route.continue_()

        visitor.on("framenavigated", lambda frame: visits.append(frame.url))
        visitor.route(re.compile(part), refuse)
        visitor.goto(ready(server).url)
        expect(visitor.get_by_role("heading", name="No result yet")).to_be_visible()
        assert len(visits) == 3
        refused_visits = 100
        visitor.reload()
        while len(visits) < 8:
            visitor.wait_for_timeout(100)
        visitor.wait_for_timeout(4_000)
        assert len(visits) == 8, "it gives up after four more visits"
