"""Parameters, URLs and headers: what is unknown, repeated or too large is refused at once, on every route."""

import re

import pytest

from api.limits import MAX_HEADER_BYTES, MAX_PARAMETERS, MAX_RANGES, MAX_URL_BYTES
from tests.integration.stack import Serve
from tests.integration.test_security import is_problem


def test_an_unknown_parameter_is_a_422_that_names_it_on_every_route(serve: Serve) -> None:
    api = serve()
    for path, methods in api.get("/openapi.json").json()["paths"].items():
        for method in methods:
            target = re.sub(r"\{\w+\}", "x.csv", path)
            for query, name in (("colour=red", "colour"), ("colour", "colour"), ("=x", "query"), ("Limit=2", "Limit")):
                response = api.request(method, f"{target}?{query}")
                assert is_problem(response, 422), (method, target, response.text)
                assert [error["name"] for error in response.json()["errors"]] == [name]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/jobs?limit=1&limit=2", "limit"),
        ("/jobs?status=failed&status=failed", "status"),
        ("/jobs/x/rejects?cursor=1&format=csv&cursor=1", "cursor"),
        ("/jobs/x/batches?limit=&limit=", "limit"),
        ("/metrics/summary?city=a&city=b&from=2024&model=c&from=2023", "from"),
        ("/query?group_by=city&group_by=month", "group_by"),
    ],
)
def test_a_repeated_parameter_is_a_422_that_names_it(serve: Serve, path: str, name: str) -> None:
    response = serve().get(f"/api/v1{path}")
    assert is_problem(response, 422)
    assert [error["name"] for error in response.json()["errors"]] == [name]


def test_a_call_has_at_most_100_parameters(serve: Serve) -> None:
    api, path = serve(), "/api/v1/metrics/summary"
    for count, status in ((MAX_PARAMETERS, 404), (MAX_PARAMETERS + 1, 422)):
        response = api.get(f"{path}?{'&'.join(['city=x'] * count)}")
        assert is_problem(response, status), response.text
    assert "101 parameters; expected at most 100" in response.json()["detail"]
    assert is_problem(api.get(f"/docs?{'a&' * 200}"), 422)


def test_a_url_has_at_most_8_kib(serve: Serve) -> None:
    api, path = serve(), "/api/v1/metrics/summary?city="
    for length, status in ((MAX_URL_BYTES, 404), (MAX_URL_BYTES + 1, 414)):
        assert is_problem(api.get(path.ljust(length, "x")), status)
    assert is_problem(api.get("/".ljust(MAX_URL_BYTES + 1, "x")), 414)


def test_headers_have_at_most_32_kib(serve: Serve) -> None:
    api, path = serve(), "/api/v1/jobs"
    assert api.get(path, headers={"X-Long": "x" * (MAX_HEADER_BYTES - 1_000)}).status_code == 200
    assert is_problem(api.get(path, headers={"X-Long": "x" * MAX_HEADER_BYTES}), 431)
    assert is_problem(api.get(path, headers=[("X-Short", "x")] * 4_000), 431)


@pytest.mark.parametrize("name", ["group_by", "measures", "order"])
def test_a_list_of_names_has_each_name_once(serve: Serve, name: str) -> None:
    for names in (["revenue"] * 500, ["city"] * 500, [f"x{number}" for number in range(1_000)]):
        response = serve().get("/api/v1/query", params={name: ",".join(names)})
        assert is_problem(response, 422)
        assert [error["name"] for error in response.json()["errors"]] == [name]


def test_accept_has_a_limited_number_of_media_ranges(serve: Serve) -> None:
    for count, status in ((MAX_RANGES, 404), (MAX_RANGES + 1, 431)):
        response = serve().get("/api/v1/metrics/summary", headers={"Accept": ",".join(["text/csv"] * count)})
        assert is_problem(response, status)
    several = [("Accept", "text/csv")] * (MAX_RANGES + 1)
    assert is_problem(serve().get("/api/v1/metrics/summary", headers=several), 431)


def test_an_answer_names_a_limited_number_of_invalid_fields(serve: Serve) -> None:
    response = serve().post("/api/v1/jobs", json={f"field{number}": 1 for number in range(3_000)})
    assert is_problem(response, 422)
    assert len(response.json()["errors"]) == 100
