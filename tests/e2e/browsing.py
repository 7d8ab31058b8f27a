"""A page in a real browser that can reach nothing but the API."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, Route

from tests.e2e.conftest import SOURCE, stack_source
from tests.e2e.processes import Up, running
from tests.e2e.waiting import wait_until

#: What Chromium writes to the console for each answer that is an error, as a refused check is.
_REFUSAL = "Failed to load resource: the server responded with a status of 4"
#: What it writes if an interface comes or goes, as those of other tests' containers do; pages load again.
_NETWORK = "Failed to load resource: net::ERR_NETWORK_CHANGED"


@contextmanager
def watched(browser: Browser, url: str, *, may_refuse: bool = False, **options: Any) -> Iterator[Page]:
    """A page that fails its test on an error in the console, and on a request to any address but the API's."""
    complaints: list[str] = []

    def allow_only_the_api(route: Route) -> None:
        if route.request.url.startswith((url, "data:", "blob:")):
            route.continue_()
        else:
            complaints.append(f"asked for {route.request.url}")
            route.abort()

    def note(kind: str, text: str) -> None:
        if kind == "error" and text != _NETWORK and not (may_refuse and text.startswith(_REFUSAL)):
            complaints.append(text)

    with browser.new_context(**options) as context:
        page = context.new_page()
        page.route("**/*", allow_only_the_api)
        page.on("console", lambda message: note(message.type, message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page
    assert not complaints


@contextmanager
def small_stack(folder: Path) -> Iterator[Up]:
    """A stack of its own with small batches that has processed a source, for tests that leave jobs and files behind."""
    (folder / "data").mkdir()
    (folder / "data" / SOURCE).write_text(stack_source(1_000))
    with running(folder, {"AUTOCONNECT_BATCH_BYTES": "100000"}) as stack:
        stack.first_job = wait_until("the first job", stack.latest)["id"]
        assert stack.ended(stack.first_job)["status"] == "completed"
        yield stack
