"""A page in a real browser that can reach nothing but the API."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page, Route

from tests.e2e.waiting import wait_until
from tests.integration.api_server import ApiServer

#: An API key.
KEY = "0123456789abcdef0123456789abcdef"
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


def ready(server: ApiServer) -> ApiServer:
    """The server, once it has reached Redis."""
    wait_until("Redis", lambda: server.get("/health/ready").status == 200)
    return server
