"""The report as people get it: from the API and the command line, in a browser without network, and on paper."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.e2e.conftest import SOURCE
from tests.e2e.processes import Up, autoconnect

#: What differs between two runs of one file: the job, the time, and where all rows are.
_OWN = re.compile(r"[0-9a-f]{16}|\d+ \w+ \d{4}, \d\d:\d\d UTC|(?<=All rows: )[^<]+")


def test_the_command_line_writes_the_page_of_the_api(folder: Path, up: Up, stack_data: bytes) -> None:
    (folder / SOURCE).write_bytes(stack_data)
    done = autoconnect("run", SOURCE, "--json", "--report", "new/run.html", cwd=folder)
    assert done.returncode == 0, done.stderr
    extra = {"AUTOCONNECT_URL": up.url}
    done = autoconnect("jobs", "report", up.first_job, "--out", "api.html", cwd=folder, extra=extra)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    pages = [(folder / name).read_text() for name in ("new/run.html", "api.html")]
    of_run, of_api = ([line.rstrip() for line in _OWN.sub("", page).splitlines()] for page in pages)
    assert [line.replace("not published", "published") for line in of_api] == of_run
    assert pages[0].count("<svg ") == pages[1].count("<svg ") == 9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--report", "/dev/null/x.html"], "'/dev/null' cannot be written into: Not a directory"),
        (["--report", "."], "'.' is a folder; expected a file to write into."),
        (["--lang", "fr"], "it is the language of --report; give the file, too"),
        (["--report", "x.html", "--lang", "de"], "'de' is not one of 'en', 'fr'"),
    ],
)
def test_a_report_that_cannot_be_written_is_wrong_usage(folder: Path, arguments: list[str], message: str) -> None:
    done = autoconnect("run", "-", *arguments, cwd=folder)
    assert done.returncode == 2
    assert message in done.stderr


@pytest.mark.browser
def test_a_report_asks_for_nothing_and_fits_on_paper(browser: Browser, up: Up, tmp_path: Path) -> None:
    address = f"{up.url}/api/v1/jobs/{up.first_job}/report?lang=fr"
    with browser.new_context(viewport={"width": 1024, "height": 800}) as context:
        page = context.new_page()
        requests, complaints = list[str](), list[str]()
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: complaints.append(message.text))
        page.goto(address)
        assert page.locator("html").get_attribute("lang") == "fr"
        assert page.locator("figure svg").count() == 9
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.evaluate("getComputedStyle(document.querySelector('.figures')).display") == "grid"
        sheets = re.findall(rb"/Type */Page\b", page.pdf(prefer_css_page_size=True, print_background=True))
        file = tmp_path / "report.html"
        file.write_text(page.content())
        context.set_offline(True)
        page.goto(file.as_uri())
        assert page.locator("figure svg").count() == 9
    assert requests == [address, file.as_uri()]
    assert complaints == []
    assert 10 <= len(sheets) <= 13
