"""The charts of the page of results: what a click on a mark does, their numbers, their files, and how they print."""

import base64
import csv
import io
import re
import shlex
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from python_calamine import CalamineWorkbook

from autoconnect.core.metrics import CATALOGUE
from autoconnect.core.metrics.definitions import DEFINITIONS
from autoconnect.core.table import Kind
from tests.e2e.processes import Up

pytestmark = pytest.mark.browser

#: All metrics but the summary, which the key figures show.
CHARTS = [name for name in CATALOGUE if name != "summary"]
NUMBERS = (Kind.COUNT, Kind.MONEY, Kind.PERCENT, Kind.RATIO)


@pytest.fixture
def results(page: Page, up: Up) -> Page:
    page.goto(f"{up.url}/")
    expect(page.locator(".chart__picture")).to_have_count(len(CHARTS))
    return page


def card(page: Page, name: str) -> Locator:
    return page.locator("section.card", has=page.locator(f"#chart-{name}"))


def transactions(page: Page) -> Locator:
    return page.locator("[data-figure=transactions] .figure__value")


def colour_of(up: Up, city: str) -> str:
    """The colour of a city in the light theme; it is the same in all charts."""
    marks = up.get("/charts/city-comparison.json")["data"]["values"]
    return str(next(mark["colour"] for mark in marks if mark["city"] == city))


@pytest.mark.parametrize(
    ("name", "filters"),
    [
        ("city-comparison", {"city"}),
        ("top-models", {"city", "model"}),
        ("monthly-revenue", {"city", "from", "to"}),
    ],
)
def test_a_click_on_a_mark_narrows_the_view_and_its_chips_widen_it_again(
    results: Page, up: Up, name: str, filters: set[str]
) -> None:
    whole = transactions(results).inner_text()
    city = up.get("/metrics/city-comparison")["rows"][0]["city"]
    marks = card(results, name).locator(f'.mark-rect.role-mark path[fill="{colour_of(up, city)}" i]')
    marks.first.click()
    results.wait_for_url(re.compile("city="), timeout=120_000)
    query = parse_qs(urlsplit(results.url).query)
    assert query["city"] == [city]
    assert set(query) == filters
    narrowed = up.get("/metrics/summary", params=query)["rows"][0]["transactions"]
    expect(transactions(results)).to_have_text(f"{narrowed:,}")
    for _ in range(len(filters - {"to"})):
        results.locator(".chip").first.click()
    expect(transactions(results)).to_have_text(whole)
    assert "?" not in results.url


@pytest.mark.parametrize("name", CHARTS)
def test_each_table_has_the_numbers_of_the_api(results: Page, up: Up, name: str) -> None:
    shown = card(results, name)
    shown.get_by_role("button", name="Table").click()
    answer = up.get(f"/metrics/{name}")
    expect(shown.locator("tbody tr")).to_have_count(len(answer["rows"]))
    lines = shown.locator("tbody tr")
    cells = lines.evaluate_all("lines => lines.map(line => [...line.cells].map(cell => cell.innerText))")
    for row, texts in zip(answer["rows"], cells, strict=True):
        for column, text in zip(CATALOGUE[name].columns, texts, strict=True):
            if column.kind in NUMBERS:
                assert number(text) == pytest.approx(row[column.name]), (row, column.name)
            elif column.name in ("city", "model"):
                assert text == (row[column.name] or "Total")


def number(text: str) -> float | None:
    """A number as English writes it; None for the dash."""
    return None if text == "\u2013" else float(re.sub(r"[^\d.-]", "", text.replace("\u2212", "-")))


def saved(results: Page, name: str, choice: str, folder: Path) -> bytes:
    """What a chart's menu saves."""
    shown = card(results, name)
    shown.locator("summary[aria-label^=Save]").click()
    with results.expect_download() as download:
        shown.get_by_role("button", name=choice).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path.read_bytes()


def test_the_files_of_a_chart_open_and_have_the_numbers_of_the_api(results: Page, up: Up, tmp_path: Path) -> None:
    rows = up.get("/metrics/city-comparison")["rows"]
    text = saved(results, "city-comparison", "Table as CSV", tmp_path).decode("utf-8-sig")
    lines = list(csv.DictReader(io.StringIO(text)))
    assert [(line["city"], float(line["revenue"])) for line in lines] == [(row["city"], row["revenue"]) for row in rows]
    workbook = saved(results, "city-comparison", "Table as Excel", tmp_path)
    head, *cells = CalamineWorkbook.from_filelike(io.BytesIO(workbook)).get_sheet_by_index(0).to_python()
    city, revenue = head.index("city"), head.index("revenue")
    assert [(line[city], line[revenue]) for line in cells] == [(row["city"], row["revenue"]) for row in rows]


@pytest.mark.parametrize(("choice", "form", "media"), [("PNG", "png", "image/png"), ("SVG", "svg", "image/svg+xml")])
def test_the_picture_of_a_chart_is_that_of_the_api_and_opens(
    results: Page, browser: Browser, up: Up, tmp_path: Path, choice: str, form: str, media: str
) -> None:
    picture = saved(results, "trend", f"Picture as {choice}", tmp_path)
    look: dict[str, str | int] = {"theme": "light", "lang": "en", "width": 960}
    assert picture == up.client.get(f"/api/v1/charts/trend.{form}", params=look).content
    with browser.new_context() as context:
        viewer = context.new_page()
        viewer.set_content(f'<img src="data:{media};base64,{base64.b64encode(picture).decode()}">')
        decode = "async image => { await image.decode(); return image.naturalWidth; }"
        assert viewer.locator("img").evaluate(decode) >= 960


def test_the_copied_command_asks_for_the_rows_that_are_shown(results: Page, up: Up) -> None:
    results.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=up.url)
    results.get_by_role("combobox", name="Type", exact=True).select_option("vente")
    sales = up.get("/metrics/summary", params={"type": "vente"})["rows"][0]["transactions"]
    expect(transactions(results)).to_have_text(f"{sales:,}")
    shown = card(results, "margins")
    shown.locator("summary[aria-label^=Save]").click()
    shown.get_by_role("button", name="Copy as curl").click()
    expect(shown.get_by_role("status")).to_have_text("Copied")
    command, address = shlex.split(results.evaluate("navigator.clipboard.readText()"))
    assert command == "curl"
    copied: Any = up.client.get(address).json()
    assert copied["rows"] == up.get("/metrics/margins", params={"type": "vente"})["rows"]


def test_french_has_the_definitions_in_french(browser: Browser, up: Up) -> None:
    with browser.new_context(locale="fr-FR") as context:
        french = context.new_page()
        french.goto(f"{up.url}/")
        for name in CHARTS:
            expect(card(french, name).locator(".about p")).to_have_text(DEFINITIONS["fr"][name])


def test_the_printed_page_has_figures_and_charts_and_no_controls(results: Page) -> None:
    results.emulate_media(media="print")
    for gone in (".bar", ".filters", ".card__tools", ".about", "header .button"):
        for each in results.locator(gone).all():
            expect(each).to_be_hidden()
    expect(transactions(results)).to_be_visible()
    sheets = re.findall(rb"/Type */Page\b", results.pdf(prefer_css_page_size=True, print_background=True))
    assert 2 <= len(sheets) <= 8
