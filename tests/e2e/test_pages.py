"""The documentation pages in a real browser that can reach nothing but the API."""

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.processes import Up

pytestmark = pytest.mark.browser


def operations(up: Up) -> int:
    return sum(len(path) for path in up.client.get("/openapi.json").json()["paths"].values())


def test_swagger_ui_shows_every_operation_and_runs_one(page: Page, up: Up) -> None:
    page.goto(f"{up.url}/docs")
    page.wait_for_selector(".opblock")
    assert page.locator(".opblock").count() == operations(up)
    page.locator("#operations-health-ready .opblock-summary-control").click()
    page.locator("#operations-health-ready button.execute").click()
    page.locator("#operations-health-ready .live-responses-table").get_by_text('"ready"').first.wait_for()


def test_swagger_ui_uploads_a_file_that_is_picked(page: Page, up: Up) -> None:
    page.goto(f"{up.url}/docs")
    upload = page.locator("#operations-sources-put_source")
    upload.locator(".opblock-summary-control").click()
    upload.locator(".parameters input[type=text]").fill("picked.csv")
    upload.locator(".opblock-section-request-body input[type=file]").set_input_files(
        {"name": "x.csv", "mimeType": "text/csv", "buffer": b"id,date\n"}
    )
    upload.locator("button.execute").click()
    upload.locator(".live-responses-table").get_by_text("201", exact=True).first.wait_for()
    assert up.client.get("/api/v1/sources/picked.csv").content == b"id,date\n"
    assert up.client.delete("/api/v1/sources/picked.csv").status_code == 204


def test_redoc_shows_every_operation(page: Page, up: Up) -> None:
    page.goto(f"{up.url}/redoc")
    page.wait_for_selector("[data-section-id*='/operation/'], [id*='operation/']", timeout=20_000)
    text = page.inner_text("body")
    assert "/api/v1/metrics/{name}" in text
    assert "submit_job" in page.content() or "Submit a job" in text


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_a_script_that_is_injected_into_a_page_is_not_run(browser: Browser, up: Up, path: str) -> None:
    page = browser.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(f"{up.url}{path}")
    page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.wasRun = true";
            document.body.append(script);
        }"""
    )
    assert page.evaluate("window.wasRun") is None
    assert any("Content Security Policy" in complaint for complaint in complaints)
    page.close()
