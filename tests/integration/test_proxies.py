"""The API behind reverse proxies: the client is counted and not the proxy, and a path prefix changes nothing."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import httpx2
import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.dashboard import PAGES
from autoconnect.errors import SettingsError
from autoconnect.models import JobStatus
from autoconnect.settings import Settings, load_settings
from tests.integration.api_server import ApiServer, api_server
from tests.integration.stack import Serve, Stack
from tests.integration.test_security import is_problem
from tests.reverse_proxy import PREFIX, reverse_proxy

PROXIES = "10.0.0.0/8, 2001:db8::5"
JOBS = "/api/v1/jobs"


@pytest.mark.parametrize(
    ("peer", "forwarded", "counted"),
    [
        ("10.0.0.2", ["192.0.2.7"], "192.0.2.7"),
        ("10.0.0.2", ["198.51.100.1, 192.0.2.7"], "192.0.2.7"),
        ("10.0.0.2", ["198.51.100.1, 192.0.2.7, 10.0.0.3", " 10.9.9.9 "], "192.0.2.7"),
        ("10.0.0.2", ["10.0.0.4, 10.0.0.3"], "10.0.0.4"),
        ("10.0.0.2", ["192.0.2.7:4711"], "192.0.2.7"),
        ("10.0.0.2", ["[2001:db8::7]:80, 2001:DB8:0::5"], "2001:db8::7"),
        ("::ffff:10.0.0.2", ["::ffff:192.0.2.7"], "192.0.2.7"),
        ("10.0.0.2", ["192.0.2.7, unknown, 10.0.0.3"], "10.0.0.3"),
        ("10.0.0.2", ["192.0.2.7, "], "10.0.0.2"),
        ("10.0.0.2", ["\xe9" * 9], "10.0.0.2"),
        ("10.0.0.2", [], "10.0.0.2"),
        ("192.0.2.9", ["192.0.2.7"], "192.0.2.9"),
        ("testclient", ["192.0.2.7"], "testclient"),
    ],
)
def test_the_rate_limit_counts_the_nearest_address_that_is_no_trusted_proxy(
    stack: Stack, peer: str, forwarded: list[str], counted: str
) -> None:
    settings = Settings(**{**stack.settings.model_dump(), "rate_limit": 1, "trusted_proxies": PROXIES})
    headers = [(b"x-forwarded-for", value.encode("latin-1")) for value in forwarded]
    with TestClient(create_app(settings), client=(peer, 1)) as api:
        assert api.get(JOBS, headers=headers).status_code == 200
        refused = api.get(JOBS, headers=headers)
    assert is_problem(refused, 429)
    assert f"came from {counted} " in refused.json()["detail"]


def test_a_page_that_forges_forwarded_headers_gets_past_no_check(serve: Serve) -> None:
    api = serve(trusted_proxies="127.0.0.1", root_path=PREFIX)
    forged = {"X-Forwarded-Host": "localhost", "X-Forwarded-For": "127.0.0.1", "Forwarded": "host=localhost"}
    assert is_problem(api.get(f"{PREFIX}{JOBS}", headers={**forged, "Host": "evil.example"}), 403)
    assert is_problem(api.post(f"{PREFIX}{JOBS}", headers={**forged, "Origin": "http://evil.example"}), 403)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("trusted_proxies", "nginx", "addresses or networks"),
        ("trusted_proxies", "10.0.0.1/8", "addresses or networks"),
        ("trusted_proxies", "*", "addresses or networks"),
        *(("root_path", path, "such as /autoconnect") for path in ("a", "/", "/a/", "//a", "/a b", "/a/../b", "/é")),
        *(("root_path", path, "of the API itself") for path in ("/api", "/api/v1", "/api/v1/x", "/docs", "/health/x")),
        *(("root_path", page, "of the API itself") for page in PAGES if page != "/"),
    ],
)
def test_an_invalid_value_is_named_with_what_was_expected(name: str, value: str, expected: str) -> None:
    with pytest.raises(SettingsError, match=f"^AUTOCONNECT_{name.upper()} is .*{expected}"):
        load_settings(**{name: value})


@pytest.fixture
def server(stack: Stack, redis_url: str, tmp_path: Path) -> Iterator[ApiServer]:
    """An API process with a published job of 50 rows."""
    assert stack.finish(stack.planned(stack.generated(50)), stack.worker()).status is JobStatus.COMPLETED
    with api_server(tmp_path, redis_url, ROOT_PATH=PREFIX, TRUSTED_PROXIES="127.0.0.1") as server:
        yield server


@pytest.mark.parametrize("strips", [True, False])
def test_the_api_works_below_a_prefix_that_the_proxy_strips_or_not(server: ApiServer, strips: bool) -> None:
    with (
        reverse_proxy(server.port, strips=strips) as url,
        httpx2.Client(base_url=f"{url}{PREFIX}", timeout=120) as api,
    ):
        assert api.get(f"{JOBS}/").headers["location"] == f"{PREFIX}{JOBS}"
        assert api.get("/openapi.json").json()["servers"] == [{"url": PREFIX}]
        created = api.post(JOBS, json={"source": "none.csv"})
        assert created.status_code == 202
        assert httpx2.get(f"{url}{created.headers['location']}").json()["id"] == created.json()["id"]
        assert api.get(f"{JOBS}/none").json()["instance"] == f"{PREFIX}{JOBS}/none"
        for page in ("/", "/docs", "/redoc"):
            files = re.findall('(?:href|src|spec-url)="([^"]+)"', api.get(page).text)
            assert files
            assert {httpx2.get(urljoin(f"{url}{PREFIX}{page}", file)).status_code for file in files} == {200}
        answers = [api.get("/api/v1/metrics/summary") for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 200]
        unchanged = api.get("/api/v1/metrics/summary", headers={"If-None-Match": answers[0].headers["etag"]})
        assert unchanged.status_code == 304
    assert httpx2.get(f"{server.url}{PREFIX}?a=1").headers["location"] == f"{PREFIX}/?a=1"


def test_both_paths_of_an_answer_share_the_one_that_is_kept(server: ApiServer) -> None:
    paths = (f"{PREFIX}/api/v1/cities", "/api/v1/cities")
    assert len({httpx2.get(f"{server.url}{path}").headers["etag"] for path in paths}) == 1


def test_log_lines_name_the_client(server: ApiServer) -> None:
    with reverse_proxy(server.port, strips=True) as url:
        httpx2.post(f"{url}{PREFIX}{JOBS}", json={}, headers={"X-Forwarded-For": "127.0.0.1"})
        httpx2.post(f"{url}{PREFIX}{JOBS}", json={}, headers={"X-Forwarded-For": "192.0.2.7, 127.0.0.1"})
    assert "192.0.2.7" in server.messages.read_text()
