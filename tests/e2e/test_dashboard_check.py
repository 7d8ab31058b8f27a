"""The page of files and jobs: a file is uploaded or chosen, checked, changed and run."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, Request, Route, expect

from autoconnect.generate import generate
from autoconnect.generate.dialects import DIALECTS
from tests.e2e.browsing import watched
from tests.e2e.conftest import SOURCE
from tests.e2e.processes import Up

pytestmark = pytest.mark.browser

HEADER = "transaction_id,date,ville,type,modele,prix,duree_location_mois\n"
#: The days cannot be told from the months.
UNDECIDED = HEADER + "TX1,01/02/2024,Paris,vente,BMW X3,10.50,\nTX2,03/04/2024,Lyon,vente,BMW X3,20.50,\n"
#: Two needed columns have names of their own, and one is missing.
OWN_NAMES = "id,date,Agence,type,modele,Net,Achat\nTX1,2024-01-31,Nice,vente,Clio,10.50,9.25\n"


@pytest.fixture
def files(browser: Browser, stack: Up) -> Iterator[Page]:
    with watched(browser, stack.url, may_refuse=True, locale="en-GB") as page:
        page.goto(f"{stack.url}/jobs")
        expect(page.get_by_role("button", name=SOURCE).first).to_be_visible()
        yield page


def upload(page: Page, name: str, content: str | bytes) -> None:
    data = content.encode() if isinstance(content, str) else content
    page.locator("input[type=file]").set_input_files({"name": name, "mimeType": "text/csv", "buffer": data})


def checked(page: Page, name: str, content: str | bytes) -> Locator:
    """Uploads a file; returns the first of its rows as they are read."""
    upload(page, name, content)
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
    expect(first_row(page)).to_be_visible()
    return first_row(page)


def first_row(page: Page) -> Locator:
    return page.get_by_role("region", name="First rows, as they are read").locator("tbody tr").first


def run(page: Page, name: str) -> dict[str, str]:
    """Runs the checked file; returns the texts of its card once the job has completed."""
    page.get_by_role("button", name="Run", exact=True).click()
    card = page.locator("article.job", has_text=name)
    expect(card.locator(".badge--completed")).to_be_visible(timeout=60_000)
    return {"pace": card.locator(".pace").inner_text(), "id": card.get_attribute("data-job") or ""}


def test_a_file_is_uploaded_checked_run_and_its_result_shown(files: Page, stack: Up) -> None:
    row = checked(files, "june.csv", "".join(generate(500, seed=7)))
    expect(row.locator("td")).to_have_count(8)
    expect(files.get_by_text("The first rows have no reject")).to_be_visible()
    shown = run(files, "june.csv")
    assert "500 rows and 0 rejects" in shown["pace"]
    assert stack.get("/metrics/summary")["job_id"] == shown["id"]
    files.locator("article.job").get_by_role("link", name="Results").click()
    expect(files.locator("[data-figure=transactions] .figure__value")).to_have_text("500")
    expect(files.get_by_text("This is not the published result.")).to_have_count(0)


def test_a_file_that_is_dropped_is_uploaded(files: Page) -> None:
    transfer = files.evaluate_handle(
        """text => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([text], "dropped.csv"));
            return transfer;
        }""",
        "".join(generate(50, seed=3)),
    )
    files.dispatch_event(".drop", "dragover", {"dataTransfer": transfer})
    expect(files.locator(".drop--over")).to_be_visible()
    files.dispatch_event("main", "drop", {"dataTransfer": transfer})
    expect(files.get_by_role("heading", name="dropped.csv")).to_be_visible()
    expect(first_row(files)).to_be_visible()


def test_a_french_export_of_excel_is_read_as_it_is_written(files: Page) -> None:
    lines = "".join(generate(60, seed=2, writer=DIALECTS["fr-excel"]))
    row = checked(files, "export.csv", f"Ventes de l'été\r\n{lines}".encode("cp1252"))
    expect(row).to_contain_text("€")
    chosen = {"dates": "Day, month, year", "decimal": "Comma", "delimiter": "Semicolon", "encoding": "Windows-1252"}
    for part, text in chosen.items():
        expect(files.locator(f"#part-{part} option:checked")).to_contain_text(f"{text}")
    expect(files.locator("#part-header")).to_have_attribute("placeholder", "2")
    expect(files.get_by_text("1 line before the header skipped")).to_be_visible()


def test_what_the_check_asks_for_is_marked_and_the_preview_follows_the_answer(files: Page, stack: Up) -> None:
    upload(files, "site.csv", UNDECIDED)
    expect(files.get_by_text("The dates do not tell the day from the month")).to_be_visible()
    dates = files.get_by_label("Dates", exact=True)
    expect(dates).to_have_attribute("aria-invalid", "true")
    expect(files.get_by_role("button", name="Run", exact=True)).to_be_disabled()
    dates.select_option("dmy")
    expect(first_row(files)).to_contain_text("1 Feb 2024")
    dates.select_option("mdy")
    expect(first_row(files)).to_contain_text("2 Jan 2024")
    files.reload()
    expect(first_row(files)).to_contain_text("2 Jan 2024")
    files.go_back()
    expect(first_row(files)).to_contain_text("1 Feb 2024")
    job = stack.get(f"/jobs/{run(files, 'site.csv')['id']}")
    assert (job["dialect"]["dates"], job["rows"]["accepted"]) == ("dmy", 2)


def test_columns_are_chosen_and_the_preview_follows(files: Page, stack: Up) -> None:
    upload(files, "own.csv", OWN_NAMES)
    expect(files.get_by_text("The header lacks ville, prix")).to_be_visible()
    expect(files.get_by_label("City", exact=True)).to_have_attribute("aria-invalid", "true")
    files.get_by_label("City", exact=True).select_option("Agence")
    files.get_by_label("Price", exact=True).select_option("Net")
    expect(first_row(files)).to_contain_text("Nice")
    expect(first_row(files)).to_contain_text("10.50")
    files.get_by_label("Cost", exact=True).select_option("Achat")
    expect(first_row(files)).to_contain_text("9.25")
    files.get_by_label("City", exact=True).select_option("One text for all rows…")
    expect(files.get_by_text("Enter the text that all rows get.")).to_be_visible()
    files.get_by_label("City of all rows").fill("Lyon")
    expect(first_row(files)).to_contain_text("Lyon")
    job = stack.get(f"/jobs/{run(files, 'own.csv')['id']}")
    assert job["dialect"]["columns"] | {"city": "=Lyon", "price": "Net", "cost": "Achat"} == job["dialect"]["columns"]


def test_an_answer_that_comes_after_the_end_of_its_job_does_not_open_the_job_again(files: Page) -> None:
    """When a job ends before the answer that it was submitted arrives / I expect its card to say that it has ended"""
    checked(files, "quick.csv", "".join(generate(30, seed=1)))
    row = files.get_by_role("row").filter(has_text="quick.csv")

    def answer_late(route: Route) -> None:
        answer = route.fetch()
        expect(row.locator(".badge--completed")).to_be_visible()
        route.fulfill(response=answer)

    files.route(re.compile("/api/v1/jobs$"), answer_late)
    files.get_by_role("button", name="Run", exact=True).click()
    expect(files.get_by_role("heading", name="Drop a CSV here")).to_be_visible()  # the answer has come
    files.wait_for_timeout(500)  # a wrong state would be drawn by then
    expect(files.locator("article.job", has_text="quick.csv").locator(".badge--completed")).to_be_visible(timeout=1)


def test_all_changes_are_undone_at_once(files: Page) -> None:
    checked(files, "undo.csv", "".join(generate(30, seed=1)))
    files.get_by_label("Cost", exact=True).select_option("duree_location_mois")
    expect(files.get_by_label("Rental months")).to_have_value("-")
    files.get_by_role("button", name="Undo all changes").click()
    expect(files.get_by_label("Rental months")).to_have_value("n:duree_location_mois")
    expect(files.get_by_role("button", name="Undo all changes")).to_be_hidden()


def test_the_answer_to_an_earlier_choice_never_replaces_a_later_one(files: Page) -> None:
    """Given a check of dmy that is slow / When mdy is chosen meanwhile / I expect the rows of mdy, and that dmy ends"""
    upload(files, "slow.csv", UNDECIDED)
    expect(files.get_by_text("The dates do not tell")).to_be_visible()
    held: list[Route] = []
    given_up: list[Request] = []
    files.on("requestfailed", lambda request: given_up.append(request))
    files.route(re.compile("check.*dmy"), lambda route: held.append(route))
    with files.expect_request(re.compile("check.*dmy")):
        files.get_by_label("Dates", exact=True).select_option("dmy")
    files.get_by_label("Dates", exact=True).select_option("mdy")
    expect(first_row(files)).to_contain_text("2 Jan 2024")
    assert [("dmy" in request.url) for request in given_up] == [True]


def test_an_upload_shows_how_far_it_is_and_can_be_cancelled(files: Page, stack: Up) -> None:
    held: list[Route] = []
    files.route("**/sources/given_up.csv", lambda route: held.append(route))
    upload(files, "given_up.csv", "".join(generate(1_000, seed=1)))
    expect(files.get_by_role("heading", name="Uploading given_up.csv")).to_be_visible()
    expect(files.get_by_role("progressbar", name="Upload")).to_be_visible()
    files.get_by_role("button", name="Cancel the upload").click()
    expect(files.get_by_role("button", name="Choose a file")).to_be_focused()
    expect(files.get_by_role("alert")).to_have_count(0)
    assert stack.client.get("/api/v1/sources/given_up.csv").status_code == 404


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("empty.csv", b"", "empty.csv is empty; expected a header line and rows."),
        ("book.xlsx", b"PK\x03\x04", "save the sheet as “CSV UTF-8”"),
        ("book.csv", b"PK\x03\x04" + bytes(100), "zip"),
    ],
)
def test_what_is_not_a_csv_is_refused_with_what_to_do(files: Page, name: str, content: bytes, sentence: str) -> None:
    upload(files, name, content)
    expect(files.get_by_role("alert")).to_contain_text(sentence)
    expect(files.get_by_role("button", name="Choose a file")).to_be_visible()


def test_a_broken_csv_says_why_it_cannot_run(files: Page) -> None:
    upload(files, "broken.csv", "no,such\nheader,here\n")
    expect(files.get_by_text("The header lacks")).to_be_visible()
    expect(files.get_by_role("button", name="Run", exact=True)).to_be_disabled()
    files.get_by_role("button", name="Another file").click()
    expect(files.get_by_role("button", name="Choose a file")).to_be_focused()


def test_the_first_rejects_are_shown_with_what_was_expected(files: Page) -> None:
    text = "".join(generate(100, seed=5))
    checked(files, "rejects.csv", text + "TX9,2024-01-31,Paris,vente,Clio,cheap,\n")
    expect(files.get_by_text("The first rows have 1 reject ")).to_be_visible()
    row = files.get_by_role("region", name="First rejects").locator("tbody tr")
    for shown in ("102", "Not a price", "prix", "cheap", "an amount like 1234.50"):
        expect(row).to_contain_text(shown)


def test_a_name_that_is_taken_replaces_nothing_unless_the_user_says_so(files: Page, stack: Up) -> None:
    checked(files, "twice.csv", "".join(generate(10, seed=1)))
    before = stack.client.get("/api/v1/sources/twice.csv").content
    files.get_by_role("button", name="Another file").click()
    upload(files, "twice.csv", "".join(generate(20, seed=2)))
    files.get_by_role("dialog").get_by_role("button", name="Keep both, as twice-2.csv").click()
    expect(files.get_by_role("heading", name="twice-2.csv")).to_be_visible()
    assert stack.client.get("/api/v1/sources/twice.csv").content == before
    files.get_by_role("button", name="Another file").click()
    files.get_by_role("button", name="Delete twice-2.csv").click()
    files.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(files.get_by_text("twice-2.csv has been deleted.")).to_be_visible()
    assert stack.client.get("/api/v1/sources/twice-2.csv").status_code == 404


def test_the_keyboard_checks_and_runs_a_file(files: Page, stack: Up) -> None:
    def press(key: str, until: Locator) -> None:
        """Presses a key until an element has the focus."""
        for _ in range(60):
            if until.evaluate("element => element === document.activeElement"):
                return
            files.keyboard.press(key)
        raise AssertionError(f"no focus after 60 times {key}")

    press("Tab", files.get_by_role("button", name=SOURCE).first)
    files.keyboard.press("Enter")
    expect(files.get_by_role("heading", name=SOURCE)).to_be_focused()
    expect(first_row(files)).to_be_visible()
    press("Tab", files.get_by_role("button", name="Run", exact=True))
    files.keyboard.press("Enter")
    expect(files.get_by_role("heading", name=SOURCE, level=3)).to_be_focused()
    expect(files.locator("article.job .badge--completed")).to_be_visible()
    press("Tab", files.locator(".opener").first)
    files.keyboard.press("Enter")
    expect(files.locator(".detail")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_a_check(files: Page, scheme: Any) -> None:
    files.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    assert Axe().run(files).response["violations"] == []
    upload(files, f"{scheme}.csv", OWN_NAMES)
    expect(files.get_by_text("The header lacks")).to_be_visible()
    assert Axe().run(files).response["violations"] == []
    files.goto(f"{files.url.split('?')[0]}?file={SOURCE}")
    expect(first_row(files)).to_be_visible()
    assert Axe().run(files).response["violations"] == []


def test_at_360_pixels_nothing_is_wider_than_the_page_in_french(browser: Browser, stack: Up) -> None:
    with watched(browser, stack.url, viewport={"width": 360, "height": 740}, locale="fr-FR") as narrow:
        narrow.goto(f"{stack.url}/jobs")
        narrow.locator(".opener").first.click()
        expect(narrow.locator(".detail")).to_be_visible()
        assert narrow.evaluate("document.documentElement.scrollWidth") <= 360
        narrow.get_by_role("button", name=SOURCE).first.click()
        expect(narrow.get_by_text("Premières lignes, telles qu'elles sont lues").first).to_be_visible()
        expect(narrow.get_by_role("button", name="Lancer")).to_be_enabled()
        assert narrow.evaluate("document.documentElement.scrollWidth") <= 360
