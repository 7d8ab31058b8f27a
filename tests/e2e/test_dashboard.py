"""The page of results in a real browser, on a real stack."""

import re
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.e2e.browsing import watched
from tests.e2e.processes import Up

pytestmark = pytest.mark.browser

#: Charts of the page.
CHARTS = 9


@pytest.fixture(scope="module", autouse=True)
def _the_result_of_the_default_source_is_published(up: Up) -> None:
    """Tests of the API publish others."""
    assert up.client.post(f"/api/v1/jobs/{up.first_job}/publish").status_code == 200


@pytest.fixture
def results(page: Page, up: Up) -> Page:
    page.goto(f"{up.url}/")
    expect(page.locator(".chart__picture")).to_have_count(CHARTS)
    return page


@pytest.fixture(params=["light", "dark"])
def themed(request: pytest.FixtureRequest, results: Page) -> Page:
    results.emulate_media(color_scheme=request.param)
    return results


def figure(page: Page, name: str) -> str:
    return page.locator(f"[data-figure={name}] .figure__value").inner_text()


def test_the_first_visit_shows_the_figures_of_the_api(results: Page, up: Up) -> None:
    summary = up.get("/metrics/summary", params={"compare": "previous"})["rows"][0]
    assert figure(results, "transactions") == f"{summary['transactions']:,}"
    assert f"{summary['revenue']:,.2f}" in figure(results, "revenue")
    assert f"{summary['average_ticket']:,.2f}" in figure(results, "average_ticket")


def test_a_change_is_shown_only_against_a_whole_earlier_period(results: Page, up: Up) -> None:
    changes = results.locator(".figure__change")
    expect(changes).to_have_text([""] * 5)
    expect(results.get_by_text("The data begins on 1 Jan 2023, so there is no whole earlier period")).to_be_visible()
    for compare in ("", "year"):
        results.goto(f"{up.url}/?from=2024-01&to=2024-12&compare={compare}")
        expect(results.get_by_text("Changes against 1 Jan 2023 to 31 Dec 2023.")).to_be_visible()
        query = {"from": "2024-01", "to": "2024-12", "compare": compare or "previous"}
        summary = up.get("/metrics/summary", params=query)["rows"][0]
        expect(changes.nth(1)).to_contain_text(f"{abs(summary['transactions_change_pct']):.1f}%")
    results.goto(f"{up.url}/?from=2023-03")
    expect(changes).to_have_text([""] * 5)


def test_a_table_has_the_rows_of_the_metric(results: Page, up: Up) -> None:
    card = results.locator("section.card", has=results.locator("#chart-city-comparison"))
    card.get_by_role("button", name="Table").click()
    rows = up.get("/metrics/city-comparison")["rows"]
    expect(card.locator("tbody tr")).to_have_count(len(rows))
    shown = card.locator("tbody tr").first.inner_text()
    assert f"{rows[0]['revenue']:,.2f}" in shown
    assert f"{rows[0]['revenue_pct']:.2f}%" in shown


def test_a_filter_is_in_the_url_which_another_can_open_and_the_back_button_undoes(results: Page, up: Up) -> None:
    whole = figure(results, "transactions")
    results.get_by_role("combobox", name="Type", exact=True).select_option("vente")
    results.wait_for_url(re.compile("type=vente"))
    sales = up.get("/metrics/summary", params={"type": "vente"})["rows"][0]["transactions"]
    expect(results.locator("[data-figure=transactions] .figure__value")).to_have_text(f"{sales:,}")
    results.reload()
    expect(results.locator("[data-figure=transactions] .figure__value")).to_have_text(f"{sales:,}")
    results.go_back()
    expect(results.locator("[data-figure=transactions] .figure__value")).to_have_text(whole)


def test_a_chip_widens_what_a_city_has_narrowed(results: Page, up: Up) -> None:
    whole = figure(results, "transactions")
    results.locator("summary", has_text="Cities").click()
    results.get_by_label("Search in Cities").fill("PARIS")
    results.get_by_role("checkbox").check()
    results.keyboard.press("Escape")
    results.wait_for_url(re.compile("city=Paris"))
    expect(results.locator("summary", has_text="Cities")).to_have_text("Cities: Paris")
    paris = up.get("/metrics/summary", params={"city": "Paris"})["rows"][0]["transactions"]
    expect(results.locator("[data-figure=transactions] .figure__value")).to_have_text(f"{paris:,}")
    results.get_by_role("button", name="Remove the filter Paris").click()
    expect(results.locator("[data-figure=transactions] .figure__value")).to_have_text(whole)


def test_a_copied_link_shows_this_result_whatever_is_published_later(browser: Browser, up: Up) -> None:
    with browser.new_context(permissions=["clipboard-read", "clipboard-write"]) as context:
        page = context.new_page()
        page.goto(f"{up.url}/?city=Paris")
        expect(page.locator(".figure__value").first).to_be_visible()
        page.get_by_role("button", name="Copy link").click()
        expect(page.get_by_text("The link to this view has been copied.")).to_be_visible()
        link = page.evaluate("navigator.clipboard.readText()")
        job_id = up.get("/metrics/summary")["job_id"]
        assert sorted(urlsplit(link).query.split("&")) == ["city=Paris", f"job={job_id}"]


def test_a_period_of_ones_own_is_chosen_by_its_months(browser: Browser, up: Up) -> None:
    with watched(browser, up.url, locale="fr-FR") as page:
        page.goto(f"{up.url}/")
        page.get_by_label("Période").select_option("Dernier trimestre")
        page.get_by_label("Période").select_option("Période personnalisée")
        expect(page.get_by_label("Premier mois")).to_have_value("2024-10")
        page.get_by_label("Période").select_option("Toute la période")
        page.get_by_label("Période").select_option("Période personnalisée")
        first, last = page.get_by_label("Premier mois"), page.get_by_label("Dernier mois")
        expect(first.locator("option").first).to_have_text("janv. 2023")
        last.select_option("mars 2023")
        page.wait_for_url(re.compile("from=2023-01&to=2023-03"))
        expect(last.locator("option").last).to_have_text("déc. 2024")
        expect(page.get_by_label("Premier mois").locator("option")).to_have_text(
            ["janv. 2023", "févr. 2023", "mars 2023"]
        )
        wanted = up.get("/metrics/summary", params={"from": "2023-01", "to": "2023-03"})["rows"][0]["transactions"]
        expect(page.locator("[data-figure=transactions] .figure__value")).to_have_text(str(wanted))
        page.get_by_label("Période").select_option("Toute la période")
        expect(last).to_have_count(0)


def test_french_has_its_words_and_numbers(browser: Browser, up: Up) -> None:
    with browser.new_context(locale="fr-FR") as context:
        french = context.new_page()
        french.goto(f"{up.url}/")
        expect(french.locator("h1")).to_have_text("Résultats")
        value = french.locator("[data-figure=transactions] .figure__value")
        count = up.get("/metrics/summary")["rows"][0]["transactions"]
        expect(value).to_have_text(f"{count:,}".replace(",", "\u202f"))
        french.get_by_role("button", name="EN: English").click()
        expect(french.locator("h1")).to_have_text("Results")


def test_at_360_pixels_nothing_is_wider_than_the_page(browser: Browser, up: Up) -> None:
    with browser.new_context(viewport={"width": 360, "height": 740}) as context:
        narrow = context.new_page()
        narrow.goto(f"{up.url}/")
        narrow.wait_for_selector(".chart__picture")
        assert narrow.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_keyboard_reaches_a_table(results: Page) -> None:
    results.get_by_role("button", name="Table").first.focus()
    results.keyboard.press("Enter")
    expect(results.locator("table").first).to_be_visible()


def test_axe_finds_nothing(themed: Page) -> None:
    assert Axe().run(themed).response["violations"] == []
