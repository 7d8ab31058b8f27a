"""Every answer has the id of its request, the client's own one if that is harmless."""

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from autoconnect.models import JobStatus
from tests.integration.stack import Serve, Stack

ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
SUMMARY = "/api/v1/metrics/summary"


def echoed(api: TestClient, sent: str, path: str = "/health/live", **headers: str) -> str:
    """The id that comes back for one that is sent."""
    return api.get(path, headers={"X-Request-ID": sent, **headers}).headers["x-request-id"]


@pytest.mark.parametrize("sane", [ID, "a", "_.-", "9" * 64, "4bf92f3577b34da6a3ce929d0e0e4736"])
def test_an_id_of_the_client_comes_back(serve: Serve, sane: str) -> None:
    assert echoed(serve(), sane) == sane


@pytest.mark.parametrize("odd", ["", " ", "9" * 65, "a b", "a,b", "a/b", "a\tb", '{"a":1}', "a%0Ab"])
def test_another_id_is_replaced_by_a_new_one(serve: Serve, odd: str) -> None:
    api = serve()
    made = [echoed(api, odd), echoed(api, odd)]
    assert odd.strip() not in made
    assert len({api.get("/health/live").headers["x-request-id"], *made}) == 3


def test_two_processes_make_different_ids(serve: Serve) -> None:
    made = [serve().get("/health/live").headers["x-request-id"] for _ in range(2)]
    assert made[0] != made[1]


def test_errors_refusals_and_answers_from_memory_have_the_id(stack: Stack, serve: Serve) -> None:
    assert stack.finish(stack.planned(stack.generated()), stack.worker()).status is JobStatus.COMPLETED
    api = serve(api_key="key-of-a-writer-8", rate_limit=1_000)
    etag = api.get(SUMMARY).headers["etag"]
    asked = {
        200: api.get(SUMMARY, headers={"X-Request-ID": ID}),
        304: api.get(SUMMARY, headers={"X-Request-ID": ID, "If-None-Match": etag}),
        401: api.post("/api/v1/jobs", headers={"X-Request-ID": ID}),
        404: api.get("/nothing", headers={"X-Request-ID": ID}),
        414: api.get(f"/{'x' * 10_000}", headers={"X-Request-ID": ID}),
        422: api.get(f"{SUMMARY}?from=never", headers={"X-Request-ID": ID}),
    }
    assert {wanted: response.status_code for wanted, response in asked.items()} == {status: status for status in asked}
    assert [response.headers.get_list("x-request-id") for response in asked.values()] == [[ID]] * len(asked)


def test_an_unexpected_error_has_the_id(serve: Serve) -> None:
    api = serve()
    assert isinstance(api.app, FastAPI)
    del api.app.state.folders
    response = api.get("/api/v1/sources", headers={"X-Request-ID": ID})
    assert (response.status_code, response.headers["x-request-id"]) == (500, ID)


def test_pages_of_allowed_origins_may_send_and_read_the_id(serve: Serve) -> None:
    api = serve(cors_origins="https://reports.example")
    origin = {"Origin": "https://reports.example"}
    asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "X-Request-ID"}
    allowed = api.options(SUMMARY, headers={**origin, **asked}).headers["access-control-allow-headers"]
    exposed = api.get("/health/live", headers=origin).headers["access-control-expose-headers"]
    assert "X-Request-ID" in allowed.split(", ")
    assert "X-Request-ID" in exposed.split(", ")
