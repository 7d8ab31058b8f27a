"""`version=`: an answer of one version of a result, which clients may keep for ever, and which is never another one."""

from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest

from tests.integration.api_server import api_server
from tests.integration.stack import Serve, Stack
from tests.integration.test_result_versions import completed
from tests.integration.test_security import is_problem

FOR_EVER = "max-age=31536000, immutable"
SUMMARY = "/api/v1/metrics/summary"
PATHS = (
    f"{SUMMARY}?",
    "/api/v1/metrics/monthly-revenue?format=csv&",
    "/api/v1/query?group_by=city&",
    "/api/v1/cities?",
    "/api/v1/models?",
    "/api/v1/charts/trend.json?",
)


@pytest.mark.parametrize("path", PATHS)
def test_an_answer_of_a_version_may_be_kept_for_ever_and_no_other_one(stack: Stack, serve: Serve, path: str) -> None:
    completed(stack, 2)
    api = serve()
    current = api.get(path)
    version = current.headers["x-result-version"]
    assert current.headers["cache-control"] == "no-cache"
    for _ in range(2):  # the second one is from memory
        pinned = api.get(f"{path}version={version}")
        assert (pinned.content, pinned.headers["x-result-version"]) == (current.content, version)
        assert pinned.headers["cache-control"] == FOR_EVER
    unchanged = api.get(f"{path}version={version}", headers={"If-None-Match": pinned.headers["etag"]})
    assert (unchanged.status_code, unchanged.headers["cache-control"]) == (304, FOR_EVER)
    refused = api.get(f"{path}version=x")
    assert is_problem(refused, 410)
    assert version in refused.json()["detail"]
    assert refused.headers["cache-control"] == "no-store"


def test_an_answer_that_needs_a_key_is_kept_for_ever_by_its_client_alone(stack: Stack, serve: Serve) -> None:
    completed(stack)
    key = "a-key-to-read-with"
    api = serve(api_key=key, api_key_for_reading=True)
    headers = {"X-API-Key": key}
    version = api.get(SUMMARY, headers=headers).headers["x-result-version"]
    pinned = api.get(f"{SUMMARY}?version={version}", headers=headers)
    assert pinned.headers["cache-control"] == f"private, {FOR_EVER}"


def test_a_city_that_looks_like_a_version_is_none(stack: Stack, serve: Serve) -> None:
    completed(stack)
    assert serve().get(f"{SUMMARY}?city=version%3Dx%26version").headers["cache-control"] == "no-cache"


def test_two_api_processes_answer_a_version_only_from_its_result(stack: Stack, redis_url: str, tmp_path: Path) -> None:
    """Given two processes that have answered for a version / When another result is published

    I expect that neither answers for the old one as published, both do for its job, and both know the new one at once.
    """
    with ExitStack() as running:
        folders = [tmp_path / name for name in ("one", "two")]
        for folder in folders:
            folder.mkdir()
        urls = [running.enter_context(api_server(folder, redis_url)).url for folder in folders]
        first_job = completed(stack, 2)
        first = {httpx2.get(f"{url}{SUMMARY}").headers["x-result-version"] for url in urls}
        (old,) = first
        assert [httpx2.get(f"{url}{SUMMARY}?version={old}").status_code for url in urls * 2] == [200] * 4
        completed(stack, 3)
        assert [httpx2.get(f"{url}{SUMMARY}?version={old}").status_code for url in urls * 2] == [410] * 4
        (new,) = {httpx2.get(f"{url}{SUMMARY}").headers["x-result-version"] for url in urls}
        for version, query, transactions in ((old, f"&job={first_job}", 2), (new, "", 3)):
            for url in urls * 2:
                answer = httpx2.get(f"{url}{SUMMARY}?version={version}{query}").json()
                assert answer["rows"][0]["transactions"] == transactions
