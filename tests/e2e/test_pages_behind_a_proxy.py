"""Swagger UI and ReDoc in a real browser, below a path prefix that a reverse proxy strips or passes on."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.integration.api_server import api_server
from tests.reverse_proxy import PREFIX, reverse_proxy

pytestmark = pytest.mark.browser

NO_REDIS = "redis://127.0.0.1:1/0"


@pytest.mark.parametrize("strips", [True, False])
def test_the_pages_work_below_a_prefix(browser: Browser, tmp_path: Path, strips: bool) -> None:
    with (
        api_server(tmp_path, NO_REDIS, ROOT_PATH=PREFIX) as server,
        reverse_proxy(server.port, strips=strips) as url,
        browser.new_context() as context,
    ):
        page = context.new_page()
        page.on("pageerror", lambda error: pytest.fail(str(error)))
        page.goto(f"{url}{PREFIX}/")
        page.get_by_role("link", name="Files and jobs").first.click()
        page.wait_for_url(f"{url}{PREFIX}/jobs")
        page.get_by_role("button", name="Choose a file").wait_for()
        page.get_by_role("link", name="API docs").click()
        page.wait_for_url(f"{url}{PREFIX}/docs")
        page.locator("#operations-health-live .opblock-summary-control").click()
        page.locator("#operations-health-live button.execute").click()
        answer = page.locator("#operations-health-live .live-responses-table")
        answer.get_by_text("200", exact=True).first.wait_for()
        assert f"{url}{PREFIX}/health/live" in page.locator("#operations-health-live .request-url").inner_text()
        page.goto(f"{url}{PREFIX}/redoc")
        page.get_by_role("heading", name="AutoConnect").first.wait_for()
