"""The page of files and jobs: jobs that run, and what is done with those that have ended."""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from autoconnect.generate import generate
from tests.chaos.redis_server import RedisServer
from tests.e2e.browsing import KEY, ready, watched
from tests.e2e.conftest import SOURCE, stack_source
from tests.e2e.processes import Up
from tests.files import slow_to_map
from tests.integration.api_server import api_server

pytestmark = pytest.mark.browser

HEADER = "transaction_id,date,ville,type,modele,prix,duree_location_mois\n"
#: Enough for half a minute: invisible characters make rows slow.
MANY = 400_000


@pytest.fixture
def jobs(browser: Browser, stack: Up) -> Iterator[Page]:
    with watched(browser, stack.url, may_refuse=True, locale="en-GB") as page:
        page.goto(f"{stack.url}/jobs")
        expect(page.locator(".opener").first).to_be_visible()
        yield page


def put(stack: Up, name: str, text: str) -> None:
    (stack.folder / "data" / name).write_text(text)


def done(stack: Up, name: str, text: str) -> str:
    """The id of an ended job of a new source."""
    put(stack, name, text)
    return str(stack.ended(stack.submit(name))["id"])


def row(page: Page, job_id: str) -> Locator:
    return page.locator(f"tbody[data-job='{job_id}']")


def opened(page: Page, job_id: str) -> Locator:
    """The detail of a job."""
    row(page, job_id).locator(".opener").click()
    detail = row(page, job_id).locator(".detail")
    expect(detail).to_be_visible()
    return detail


def test_a_running_job_shows_its_batches_and_pace_until_it_is_cancelled(jobs: Page, stack: Up) -> None:
    put(stack, "long.csv", slow_to_map("".join(generate(MANY, seed=4))))
    job_id = stack.submit("long.csv")
    card = jobs.locator(f"article.job[data-job='{job_id}']")
    expect(card.locator(".cell--done").first).to_be_visible()
    expect(card.locator(".cell--waiting").first).to_be_visible()
    expect(card.locator(".pace")).to_contain_text("1 worker at work")
    expect(card.locator(".pace")).to_contain_text("rows/s")
    expect(card.locator(".pace")).to_contain_text("left")
    before = card.locator(".pace").inner_text()
    expect(card.locator(".pace")).not_to_have_text(before)
    card.get_by_role("button", name="Cancel the job").click()
    jobs.get_by_role("dialog").get_by_role("button", name="Not now").click()
    assert stack.get(f"/jobs/{job_id}")["status"] == "running"
    card.get_by_role("button", name="Cancel the job").click()
    jobs.get_by_role("dialog").get_by_role("button", name="Cancel the job").click()
    expect(card.locator(".badge--cancelled")).to_be_visible()
    expect(row(jobs, job_id).locator(".badge--cancelled")).to_be_visible()
    assert stack.get(f"/jobs/{job_id}")["status"] == "cancelled"
    card.get_by_role("button", name="Close long.csv").click()
    expect(card).to_have_count(0)


def test_a_failed_job_shows_its_sentence_and_completes_when_it_is_tried_again(jobs: Page, stack: Up) -> None:
    """Given a job whose file was not there / When the file comes and the job is tried again"""
    job_id = stack.ended(stack.submit("late.csv"))["id"]
    expect(row(jobs, job_id).locator(".badge--failed")).to_be_visible()
    expect(opened(jobs, job_id)).to_contain_text("There is no source 'late.csv' in the data folder.")
    put(stack, "late.csv", "".join(generate(40, seed=1)))
    row(jobs, job_id).get_by_role("button", name="Try again").click()
    expect(row(jobs, job_id).locator(".badge--completed")).to_be_visible()
    expect(row(jobs, job_id).locator(".detail")).to_contain_text("No row was rejected.")


def test_a_refused_retry_shows_the_sentence_of_the_api(jobs: Page, stack: Up) -> None:
    """Given a failed job / When its file has changed and it is tried again / I expect the sentence of the API"""
    bad = HEADER + "TX1,2024-01-31,Paris,vente,Clio,cheap,\n" * 20
    job_id = done(stack, "changes.csv", bad)
    put(stack, "changes.csv", bad + bad)
    row(jobs, job_id).get_by_role("button", name="Try again").click()
    expect(jobs.locator(".toast--bad")).to_contain_text("is no longer the file that job")


def test_rejects_are_counted_by_reason_shown_with_what_was_expected_and_saved(jobs: Page, stack: Up) -> None:
    bad = "TX1,2024-01-31,Paris,vente,Clio,cheap,\nTX2,2024-02-30,Paris,vente,Clio,10.50,\n"
    job_id = done(stack, "some.csv", "".join(generate(100, seed=5)) + bad)
    expect(row(jobs, job_id).locator(".rejected")).to_have_text("2")
    detail = opened(jobs, job_id)
    expect(detail.locator(".reason")).to_have_text([re.compile("Not a (price|date)1")] * 2)
    lines = detail.get_by_role("region", name="First rejects").locator("tbody tr")
    expect(lines).to_have_count(2)
    for shown in ("102", "prix", "cheap", "an amount like 1234.50"):
        expect(lines.first).to_contain_text(shown)
    with jobs.expect_download() as saved:
        detail.get_by_role("button", name="Rejects as CSV").click()
    text = Path(saved.value.path()).read_text("utf-8-sig")
    assert [line["value"] for line in csv.DictReader(io.StringIO(text))] == ["cheap", "2024-02-30"]
    with jobs.expect_download() as saved:
        detail.get_by_role("button", name="Rejects as Excel").click()
    assert saved.value.suggested_filename.endswith(".xlsx")


def test_an_older_result_is_published_again_and_the_results_page_shows_it(jobs: Page, stack: Up) -> None:
    newer = done(stack, "newer.csv", "".join(generate(70, seed=6)))
    expect(row(jobs, newer).locator(".badge--published")).to_be_visible()
    older = row(jobs, stack.first_job)
    expect(older.locator(".badge--published")).to_have_count(0)
    older.get_by_role("button", name="Publish").click()
    expect(jobs.get_by_text(f"The Results page now shows this result of {SOURCE}.")).to_be_visible()
    expect(older.locator(".badge--published")).to_be_visible()
    expect(row(jobs, newer).locator(".badge--published")).to_have_count(0)
    count = stack.get("/metrics/summary", params={"job": stack.first_job})["rows"][0]["transactions"]
    older.get_by_role("link", name="Results").click()
    expect(jobs.locator("[data-figure=transactions] .figure__value")).to_have_text(f"{count:,}")


def test_the_results_of_a_job_that_is_not_published_say_so(jobs: Page, stack: Up) -> None:
    older = done(stack, "older.csv", "".join(generate(30, seed=6)))
    done(stack, "latest.csv", "".join(generate(50, seed=6)))
    expect(row(jobs, older).get_by_role("button", name="Publish")).to_be_visible()
    row(jobs, older).get_by_role("link", name="Results").click()
    expect(jobs.locator("[data-figure=transactions] .figure__value")).to_have_text("30")
    jobs.get_by_role("link", name="Back to the published result").click()
    expect(jobs.locator("[data-figure=transactions] .figure__value")).to_have_text("50")


def test_the_report_of_a_job_opens(jobs: Page, stack: Up) -> None:
    detail = opened(jobs, stack.first_job)
    with jobs.expect_popup() as popup:
        detail.get_by_role("link", name="Report").click()
    expect(popup.value.locator("body")).to_contain_text(SOURCE)


def test_a_failed_job_leads_to_its_file(jobs: Page, stack: Up) -> None:
    put(stack, "site.csv", HEADER + "TX1,01/02/2024,Paris,vente,BMW X3,10.50,\n")
    job_id = stack.ended(stack.submit("site.csv"))["id"]
    row(jobs, job_id).get_by_role("button", name="Check the file").click()
    expect(jobs.get_by_role("heading", name="site.csv", level=2)).to_be_focused()
    expect(jobs.get_by_text("The dates do not tell the day from the month")).to_be_visible()


def test_older_jobs_come_in_pages_and_are_there_after_a_reload(jobs: Page, stack: Up) -> None:
    submitted = [stack.submit("nowhere.csv") for _ in range(25)]
    stack.ended(submitted[-1])
    jobs.reload()
    expect(row(jobs, submitted[-1])).to_be_visible()
    expect(row(jobs, submitted[0])).to_have_count(0)
    jobs.get_by_role("button", name="Show older jobs").click()
    expect(row(jobs, submitted[0])).to_be_visible()
    order = jobs.locator("table.jobs > tbody").evaluate_all("rows => rows.map((row) => row.dataset.job)")
    assert [job_id for job_id in order if job_id in submitted] == submitted[::-1]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_a_list_with_a_detail_and_a_running_job(jobs: Page, stack: Up, scheme: Any) -> None:
    jobs.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    put(stack, "axe.csv", slow_to_map(stack_source(60_000)))
    failed = done(stack, "bad.csv", HEADER + "TX1,2024-01-31,Paris,vente,Clio,cheap,\n" * 20)
    opened(jobs, failed)
    job_id = stack.submit("axe.csv")
    expect(jobs.locator(f"article.job[data-job='{job_id}'] .cell").first).to_be_visible()
    assert Axe().run(jobs).response["violations"] == []
    stack.client.delete(f"/api/v1/jobs/{job_id}")


def test_a_first_start_says_what_to_do_and_a_lost_redis_is_reported(
    visitor: Page, redis: RedisServer, tmp_path: Path
) -> None:
    with api_server(tmp_path, redis.url) as server:
        visitor.goto(f"{ready(server).url}/jobs")
        expect(visitor.get_by_role("heading", name="No job yet")).to_be_visible()
        expect(visitor.get_by_text("There is no file yet.")).to_be_visible()
        redis.freeze()
        expect(visitor.locator(".banner")).to_be_visible()
        redis.wake()
        expect(visitor.locator(".banner")).to_be_hidden()


def sign_in(page: Page, key: str) -> None:
    page.get_by_role("textbox", name="API key").fill(key)
    page.get_by_role("dialog").get_by_role("button", name="Sign in").click()


def test_a_change_asks_for_the_key_and_goes_on_with_it(visitor: Page, redis: RedisServer, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / SOURCE).write_text(HEADER + "TX1,01/02/2024,Paris,vente,BMW X3,10.50,\n")
    with api_server(tmp_path, redis.url, API_KEY=KEY) as server:
        visitor.goto(f"{ready(server).url}/jobs")
        visitor.get_by_role("button", name=SOURCE).click()
        visitor.get_by_label("Dates", exact=True).select_option("mdy")
        visitor.get_by_role("button", name="Run", exact=True).click()
        sign_in(visitor, KEY[::-1])
        expect(visitor.get_by_text("This key is not accepted.")).to_be_visible()
        visitor.get_by_role("dialog").get_by_role("button", name="Cancel").click()
        expect(visitor.get_by_role("button", name="Sign in")).to_be_visible()
        visitor.get_by_role("button", name="Run", exact=True).click()
        sign_in(visitor, KEY)
        expect(visitor.locator(".opener")).to_contain_text(SOURCE)
        expect(visitor.get_by_text("Waits for its turn")).to_be_visible()
        expect(visitor.get_by_role("button", name="Sign out")).to_be_visible()
        assert KEY not in visitor.url


def test_an_upload_asks_for_the_key_and_goes_on_with_it(visitor: Page, redis: RedisServer, tmp_path: Path) -> None:
    content = (HEADER + "TX1,2024-01-31,Paris,vente,BMW X3,10.50,\n").encode()
    with api_server(tmp_path, redis.url, API_KEY=KEY) as server:
        visitor.goto(f"{ready(server).url}/jobs")
        chosen = visitor.locator("input[type=file]")
        chosen.set_input_files({"name": "june.csv", "mimeType": "text/csv", "buffer": content})
        visitor.get_by_role("dialog").get_by_role("button", name="Cancel").click()
        expect(visitor.get_by_role("alert")).to_contain_text("X-API-Key")
        visitor.get_by_role("button", name="Try again").click()
        sign_in(visitor, KEY)
        expect(visitor.get_by_role("heading", name="june.csv")).to_be_visible()
        expect(visitor.get_by_role("region", name="First rows, as they are read")).to_contain_text("BMW X3")
        assert (tmp_path / "uploads" / "june.csv").read_bytes() == content
