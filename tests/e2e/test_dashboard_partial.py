"""The page of results while a job runs: what it shows of the result so far."""

import os
import re
import signal
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from autoconnect.generate import generate
from tests.e2e.conftest import SOURCE, stack_source
from tests.e2e.processes import running
from tests.e2e.waiting import wait_until
from tests.files import slow_to_map

pytestmark = pytest.mark.browser

#: Enough for some seconds: invisible characters make rows slow.
ROWS = 150_000
TIMEOUT_S = 240
#: Batches of a few thousand rows, so that the result grows often, and a lease that outlasts a worker that is stopped.
SETTINGS = {"AUTOCONNECT_BATCH_BYTES": "200000", "AUTOCONNECT_LEASE_MS": "600000"}


def test_a_partial_result_is_marked_and_grows_until_the_whole_is_published(browser: Browser, folder: Path) -> None:
    (folder / "data" / SOURCE).write_text(stack_source(1_000))
    (folder / "data" / "big.csv").write_text(slow_to_map("".join(generate(ROWS, seed=4))))
    with running(folder, SETTINGS) as up, browser.new_context(locale="en-GB") as context:
        first = wait_until("the first job", up.latest)["id"]
        assert up.ended(first)["status"] == "completed"
        page = context.new_page()
        page.goto(up.url)
        count = page.locator("[data-figure=transactions] .figure__value")
        expect(count).to_have_text(re.compile(r"^\d{3}$"))
        (worker,) = up.get("/workers")["items"]
        job_id = up.submit("big.csv")
        wait_until("some batches", lambda: up.get(f"/jobs/{job_id}")["batches"]["done"] >= 5, poll_s=0.02)
        os.kill(worker["pid"], signal.SIGSTOP)  # until the page shows the result so far
        page.get_by_role("button", name="Show the result so far").click(timeout=60_000)
        page.wait_for_url(re.compile(f"job={job_id}&partial=true"))
        expect(page.locator(".running--shown")).to_contain_text("Partial")
        expect(count).to_have_text(re.compile(r"^\d+,\d{3}$"))
        early = count.inner_text()
        os.kill(worker["pid"], signal.SIGCONT)
        expect(count).not_to_have_text(early)
        late = count.inner_text()
        assert int(early.replace(",", "")) < int(late.replace(",", "")) <= ROWS
        assert up.ended(job_id, TIMEOUT_S)["status"] == "completed"
        expect(count).to_have_text(f"{ROWS:,}")
        expect(page.locator(".running")).to_have_count(0)
        assert "partial" not in page.url
