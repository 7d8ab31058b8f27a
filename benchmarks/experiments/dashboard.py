"""The dashboard's page of results in a browser: how soon it shows what, how much it loads, how fast a filter is."""

import shutil
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from playwright.sync_api import Browser, sync_playwright

from benchmarks.bench import Bench
from benchmarks.report import Table, say

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_TIMEOUT_MS = 60_000
_CHARTS = 9


class _Aim(NamedTuple):
    """What is measured, under its name in the page, and what it must stay below."""

    name: str
    mark: str
    most: int


_AIMS = (
    _Aim("first paint, ms", "paint", 1_000),
    _Aim("key figures, ms", "figures", 1_500),
    _Aim("all charts, ms", "charts", 3_000),
    _Aim("loaded, KB", "kilobytes", 600),
    _Aim("filter to new key figures, ms", "filtered", 200),
    _Aim("filter to the charts in view drawn again, ms", "viewed", 200),
    _Aim("filter to all charts drawn again, ms", "redrawn", 1_000),
)
#: Notes in the page when the figures and all charts are there.
_WATCH = f"""
window.marks = {{}};
const look = () => {{
    const has = (selector, count) => document.querySelectorAll(selector).length >= count;
    if (has(".figure__value", 1)) marks.figures ??= performance.now();
    if (has(".chart__picture", {_CHARTS})) marks.charts ??= performance.now();
}};
new MutationObserver(look).observe(document, {{childList: true, subtree: true}});
"""
#: Kilobytes as they come over the network: compressed, with headers.
_LOADED = """() => {
    const entries = ["navigation", "resource", "paint"].flatMap((type) => performance.getEntriesByType(type));
    marks.kilobytes = entries.reduce((sum, entry) => sum + (entry.transferSize ?? 0), 0) / 1000;
    marks.paint = entries.find((entry) => entry.name === "first-contentful-paint").startTime;
    return marks;
}"""
#: Chooses a type, and resolves once the figures are others and each chart is another.
_FILTER = f"""() => new Promise((resolve) => {{
    const old = new Set(document.querySelectorAll(".figure__value, .chart__picture"));
    const viewed = [...old].filter((each) => each.getBoundingClientRect().top < innerHeight);
    const select = document.querySelector("select[aria-label=Type]");
    const marks = {{}}, start = performance.now();
    const fresh = (selector) => [...document.querySelectorAll(selector)].filter((each) => !old.has(each)).length;
    new MutationObserver((_, observer) => {{
        if (fresh(".figure__value")) marks.filtered ??= performance.now() - start;
        if (!viewed.some((each) => each.isConnected)) marks.viewed ??= performance.now() - start;
        if (fresh(".chart__picture") < {_CHARTS}) return;
        observer.disconnect();
        resolve({{...marks, redrawn: performance.now() - start}});
    }}).observe(document, {{childList: true, subtree: true}});
    select.value = "vente";
    select.dispatchEvent(new Event("change"));
}})"""

_Visit = Mapping[str, float]


def measure(bench: Bench) -> list[Table]:
    """Visits with an empty cache, each to a result that is new; nothing without a browser."""
    path = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if path is None:
        say(f"dashboard: skipped, because there is no browser on the PATH ({', '.join(_BROWSERS)})")
        return []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        visits = [_visit(browser, bench) for _ in range(bench.sizes.rounds + 1)]
        browser.close()
    return [Table("The dashboard in a browser", list(_lines(visits[0], visits[1:])), _note(bench))]


def _visit(browser: Browser, bench: Bench) -> _Visit:
    bench.stack.cold_job(bench.small_file)
    with browser.new_context(locale="en-GB", viewport={"width": 1440, "height": 900}) as context:
        context.set_default_timeout(_TIMEOUT_MS)
        page = context.new_page()
        page.add_init_script(_WATCH)
        page.goto(f"http://127.0.0.1:{bench.stack.port}/")
        page.locator(".chart__picture").nth(_CHARTS - 1).wait_for()
        marks: dict[str, Any] = page.evaluate(_LOADED)
        marks |= page.evaluate(_FILTER)
    say(f"dashboard: {', '.join(f'{name} {value:,.0f}' for name, value in marks.items())}")
    return marks


def _lines(first: _Visit, others: Sequence[_Visit]) -> Iterator[dict[str, Any]]:
    for aim in _AIMS:
        values = [visit[aim.mark] for visit in others]
        yield {
            "what": aim.name,
            "aim": f"< {aim.most:,}",
            "first visit": round(first[aim.mark]),
            "median": round(statistics.median(values)),
            "max": round(max(values)),
        }


def _note(bench: Bench) -> str:
    return (
        "From the request of the page in a Chromium without a window, 1440 x 900 pixels, over loopback. First visit: "
        f"the first one since the API started, whose charts wait until a child process has taken out the script that "
        f"draws them. The others: {bench.sizes.rounds} visits. Before each visit a job of "
        "10,000 rows publishes a new result, and the browser's cache is empty. Loaded: compressed, with headers."
    )
