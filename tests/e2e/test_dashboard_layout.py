"""How the dashboard looks: texts of charts, cards without gaps, lists that end with a row, fields that stay there."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from autoconnect.core.metrics import CATALOGUE
from tests.e2e.browsing import watched
from tests.e2e.conftest import SOURCE
from tests.e2e.processes import Up

pytestmark = pytest.mark.browser

CHARTS = len(CATALOGUE) - 1
#: Pixels between cards, and by which a card may be higher than its content, so that it ends with the one beside it.
SPACE, NEAR = 16, 64
#: Pairs of texts of a chart that overlap, and texts that leave the chart; a pixel or two of a box is no ink.
_FAULTS = """svg => {
    const frame = svg.getBoundingClientRect();
    const texts = [...svg.querySelectorAll("text")].filter(text => text.textContent.trim() && text.style.opacity !== "0"
        && text.getAttribute("opacity") !== "0");
    const boxes = texts.map(text => [text.textContent, text.getBoundingClientRect()]);
    const over = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2
        && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4;
    const pairs = boxes.flatMap(([text, box], place) => boxes.slice(place + 1)
        .filter(([, other]) => over(box, other)).map(([other]) => `${text} over ${other}`));
    const cut = boxes.filter(([, box]) => box.left < frame.left - 2 || box.right > frame.right + 2)
        .map(([text]) => `${text} is cut`);
    return [...pairs, ...cut];
}"""


@pytest.fixture(params=[("en-GB", 1280), ("fr-FR", 1280), ("fr-FR", 360), ("en-GB", 2000)], ids=str)
def results(request: pytest.FixtureRequest, browser: Browser, up: Up) -> Iterator[Page]:
    locale, width = request.param
    with watched(browser, up.url, locale=locale, viewport={"width": width, "height": 900}) as page:
        page.goto(f"{up.url}/")
        expect(page.locator(".chart__picture")).to_have_count(CHARTS)
        yield page


@pytest.fixture
def check(browser: Browser, up: Up) -> Iterator[Page]:
    with watched(browser, up.url, may_refuse=True, viewport={"width": 1280, "height": 900}) as page:
        yield checked(page, up)


def checked(page: Page, up: Up) -> Page:
    page.goto(f"{up.url}/jobs?file={SOURCE}")
    expect(page.locator(".preview tbody tr").first).to_be_visible()
    return page


def box(part: Locator) -> dict[str, Any]:
    found = part.bounding_box()
    assert found
    return dict(found)


def test_texts_of_charts_have_the_font_of_the_page_and_neither_overlap_nor_are_cut(results: Page) -> None:
    looks = results.locator(".chart__picture text").evaluate_all(
        "texts => texts.map(text => [getComputedStyle(text).fontSize, getComputedStyle(text).fontFamily])"
    )
    assert {size for size, _ in looks} == {"12px"}
    assert {font for _, font in looks} == {results.evaluate("getComputedStyle(document.body).fontFamily")}
    assert results.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for picture in results.locator(".chart__picture svg").all():
        assert picture.evaluate(_FAULTS) == []


def test_cards_beside_each_other_leave_no_gap(browser: Browser, up: Up) -> None:
    with watched(browser, up.url, viewport={"width": 1280, "height": 900}) as page:
        page.goto(f"{up.url}/")
        expect(page.locator(".chart__picture")).to_have_count(CHARTS)
        page.wait_for_timeout(300)  # the grid follows the charts
        boxes = [box(card) for card in page.locator(".cards > .card").all()]
        for column in (boxes[1::2], boxes[2::2]):
            ends = [each["y"] + each["height"] for each in (boxes[0], *column)]
            starts = [each["y"] for each in column]
            assert all(start - end == pytest.approx(SPACE, abs=1) for start, end in zip(starts, ends, strict=False))
        for card in page.locator(".cards > .card").all():
            parts = [box(part) for part in card.locator("> *").all() if part.is_visible()]
            free = max(b["y"] - a["y"] - a["height"] for a, b in pairwise(parts))
            assert free <= NEAR + SPACE
        last = max(each["y"] + each["height"] for each in boxes)
        assert page.evaluate("document.documentElement.scrollHeight") >= last


def test_a_chart_with_nothing_to_draw_is_a_line_of_text(browser: Browser, up: Up) -> None:
    with watched(browser, up.url, viewport={"width": 1280, "height": 900}) as page:
        page.goto(f"{up.url}/?type=vente")
        card = page.locator("section.card", has=page.locator("#chart-rental-duration"))
        expect(card).to_contain_text("No transactions match that are rentals with a duration")
        expect(card.locator("svg.marks")).to_have_count(0)
        page.wait_for_timeout(300)
        assert box(card)["height"] < 130


def test_a_list_that_scrolls_ends_with_a_whole_row(check: Page) -> None:
    frame = check.get_by_role("region", name="First rows, as they are read")
    bottom = box(frame)["y"] + box(frame)["height"]
    ends = [row["y"] + row["height"] for row in map(box, frame.locator("tbody tr").all())]
    assert max(ends) > bottom + 10  # there is more
    assert min(abs(end - bottom) for end in ends) <= 1


def test_a_check_shows_values_of_columns_and_the_number_of_rejects_next_to_its_button(check: Page, up: Up) -> None:
    first = up.get(f"/sources/{SOURCE}/check")["rows"][0]
    field = check.locator(".field", has=check.locator("#column-city"))
    expect(field.locator(".field__sample")).to_contain_text(first["city"])
    verdict = check.locator(".check__verdict")
    expect(verdict).to_contain_text("reject")
    run = box(check.get_by_role("button", name="Run", exact=True))
    assert 0 < box(verdict)["y"] - run["y"] < 80


def test_nothing_moves_when_a_choice_is_refused(check: Page) -> None:
    field, panel = check.locator("#column-id"), check.locator(".check")
    before, height = box(field)["y"] - box(panel)["y"], box(panel)["height"]
    check.locator("#part-header").fill("9")
    check.locator("#part-header").press("Tab")
    expect(check.locator(".check .failure")).to_be_visible()
    assert box(panel)["height"] == pytest.approx(height, abs=1)
    assert box(field)["y"] - box(panel)["y"] == before
    check.get_by_role("button", name="Undo all changes").click()
    expect(check.locator(".preview tbody tr").first).to_be_visible()
    check.get_by_label("City", exact=True).select_option("One text for all rows…")
    expect(check.get_by_text("Enter the text that all rows get.")).to_be_visible()
    assert box(field)["y"] - box(panel)["y"] == before


def test_at_360_pixels_rejects_are_read_without_scrolling_sideways(browser: Browser, up: Up) -> None:
    with watched(browser, up.url, viewport={"width": 360, "height": 740}, locale="fr-FR") as page:
        checked(page, up)
        frame = page.get_by_role("region", name="Premiers rejets")
        assert frame.evaluate("frame => frame.scrollWidth <= frame.clientWidth")
        for cell in frame.locator("tbody tr").first.locator("td").all():
            assert box(cell)["width"] > 100


def test_french_numbers_have_true_minus_signs(browser: Browser, up: Up) -> None:
    with watched(browser, up.url, viewport={"width": 1280, "height": 900}, locale="fr-FR") as page:
        page.goto(f"{up.url}/?from=2024-01&to=2024-06")
        changes = page.locator(".figure__change .change")
        expect(changes.first).to_be_visible()
        card = page.locator("section.card", has=page.locator("#chart-margins"))
        card.get_by_role("button", name="Tableau").click()
        cells = card.locator("td.numeric")
        expect(cells.first).to_be_visible()
        texts = [*changes.all_inner_texts(), *cells.all_inner_texts()]
        assert any("\N{MINUS SIGN}" in text for text in texts)
        assert not any("-" in text for text in texts)


def test_french_has_notes_in_french(browser: Browser, up: Up) -> None:
    """Given a check with notes whose message, or at least whose code, the page knows / I expect those in French"""
    known = {"code": "unused_columns", "message": "2 columns not used: a, b.", "count": 2, "line": None}
    named = {"code": "names_merged", "message": "Names that differ are one.", "count": 3, "line": None}
    other = {"code": "other", "message": "Something else.", "count": 1, "line": None}

    def add(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), "notes": [known, named, other]})

    with watched(browser, up.url, viewport={"width": 1280, "height": 900}, locale="fr-FR") as page:
        page.route("**/check?*", add)
        page.route("**/check", add)
        lines = checked(page, up).locator(".notes li")
        expect(lines).to_have_count(3)
        expect(lines.nth(0)).to_have_text("Colonnes non utilisées (2)\u00a0: a, b.")
        expect(lines.nth(1)).to_contain_text("Noms écrits de plusieurs façons et réunis\u00a0: 3")
        expect(lines.nth(1).locator("[lang=en]")).to_have_text("Names that differ are one.")
        expect(lines.nth(2).locator("[lang=en]")).to_have_text("Something else.")
