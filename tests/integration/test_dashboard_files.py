"""The pages of the dashboard and their files, as the API serves them: no Redis is needed to send them."""

import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import httpx2
import pytest

from api.dashboard import PAGES
from tests.integration.api_server import api_server

NO_REDIS = "redis://127.0.0.1:1/0"
FOREVER = "public, max-age=31536000, immutable"


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    with (
        api_server(tmp_path_factory.mktemp("api"), NO_REDIS) as server,
        httpx2.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=60) as dashboard,
    ):
        yield dashboard


def folder(dashboard: httpx2.Client) -> str:
    """The folder of the files, whose name has the digest."""
    found = re.search(r"static/dashboard/[0-9a-f]{16}", dashboard.get("/").text)
    assert found
    return f"/{found[0]}"


@pytest.mark.parametrize("path", [*PAGES, "/?city=Paris&from=2024-01", "/jobs?file=june.csv"])
def test_a_page_is_asked_for_again_and_its_files_never(dashboard: httpx2.Client, path: str) -> None:
    page = dashboard.get(path)
    assert (page.status_code, page.headers["cache-control"]) == (200, "no-cache")
    files = re.findall(r'(?:src|href)="(static/[^"]+)"', page.text)
    assert len(files) > 5
    for file in files:
        answer = dashboard.get(f"/{file}")
        assert (answer.status_code, answer.headers["cache-control"]) == (200, FOREVER), file


@pytest.mark.parametrize("path", PAGES)
def test_a_page_names_all_modules_so_that_none_waits_for_another(dashboard: httpx2.Client, path: str) -> None:
    page = dashboard.get(path).text
    named = {f"/{name}" for name in re.findall(r'rel="modulepreload" href="(static/[^"]+)"', page)}
    assert len(named) > 10
    needed = {
        urljoin(name, target)
        for name in named
        for target in re.findall(r'^import [^"]*"([^"]+)"', dashboard.get(name).text, re.MULTILINE)
    }
    assert needed <= named


def test_the_library_of_charts_is_compressed_and_the_same_without_compression(dashboard: httpx2.Client) -> None:
    address = f"{folder(dashboard)}/vega.js"
    with dashboard.stream("GET", address, headers={"Accept-Encoding": "gzip"}) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        small = b"".join(answer.iter_raw())
    whole = dashboard.get(address, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in whole.headers
    assert gzip.decompress(small) == whole.content
    assert b"vegaEmbed" in whole.content
    assert len(small) < 400_000


def test_all_files_of_the_dashboard_have_less_than_600_kb(dashboard: httpx2.Client) -> None:
    static = Path(__file__).parents[2] / "api" / "static" / "dashboard"
    names = [path.relative_to(static).as_posix() for path in static.rglob("*.*") if path.name != "page.html"]
    sizes = [
        int(dashboard.get(f"{folder(dashboard)}/{name}").headers["content-length"]) for name in [*names, "vega.js"]
    ]
    assert sum(sizes) < 600_000


def test_a_file_that_the_dashboard_does_not_have_is_a_problem(dashboard: httpx2.Client) -> None:
    for name in ("none.js", "../../app.py", "%2e%2e/%2e%2e/app.py", "page.html"):
        answer = dashboard.get(f"{folder(dashboard)}/{name}")
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
