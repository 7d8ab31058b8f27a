"""REST on a running stack: results against the oracle, and each call against the contract."""

import csv
import io
import json
from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from autoconnect.core.metrics import CATALOGUE
from tests import oracle
from tests.e2e.conftest import SOURCE, stack_source
from tests.e2e.processes import Up
from tests.files import slow_to_map

Filter = dict[str, Any]

FILTERS: list[Filter] = [
    {},
    {"city": ["paris"]},
    {"city": ["SAINT-ETIENNE", "aixenprovence"]},
    {"model": ["citroen c3", "BMW_X3"]},
    {"from": "2023-06", "to": "2023-08"},
    {"from": "2024-02-15"},
    {"to": "2023-01-31", "type": "sale"},
    {"type": "Location", "city": ["Marseille"]},
    {"city": ["Nowhere"]},
    {"from": "2031-05", "to": "2031-06"},
]
OPTIONS: dict[str, list[Filter]] = {
    "top-models": [{}, {"n": "1"}, {"n": "100"}],
    "trend": [{}, {"months": "24"}, {"months": "4"}],
    "summary": [{}, {"compare": "previous"}, {"compare": "year"}],
}


@pytest.fixture(scope="module")
def rows(stack_data: bytes) -> tuple[list[oracle.Row], int]:
    """Accepted rows and number of rejected ones, as the oracle reads them."""
    accepted, rejects = oracle.read_rows(stack_data)
    assert len(rejects) > 10
    return accepted, len(rejects)


def as_selected(filters: Filter) -> dict[str, Any]:
    """Filters by the names of `oracle.select`."""
    return {{"from": "first", "to": "last"}.get(name, name): value for name, value in filters.items()}


def selected(rows: list[oracle.Row], filters: Filter) -> list[oracle.Row]:
    return oracle.select(rows, **as_selected(filters))


def read_exactly(text: str) -> Any:
    return json.loads(text, parse_float=Decimal)


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_metric_equals_the_oracles_for_any_filter(up: Up, rows: tuple[list[oracle.Row], int], name: str) -> None:
    accepted, rejected = rows
    for filters, options in product(FILTERS, OPTIONS.get(name, [{}])):
        response = up.client.get(f"/api/v1/metrics/{name}", params={**filters, **options, "job": up.first_job})
        assert response.status_code == 200, response.text
        answer = read_exactly(response.text)
        given = {option: int(value) if value.isdigit() else value for option, value in options.items()}
        read = len(accepted) + rejected
        expected = oracle.metric(name, accepted, read, rejected, as_selected(filters), **given)
        assert answer["rows"] == expected, (filters, options)
        assert options.keys() == {"compare"} or answer["columns"] == [column.name for column in CATALOGUE[name].columns]
        assert (answer["metric"], answer["complete"]) == (name, True)
        assert answer["filters"] == filters | given


def test_the_same_table_comes_as_csv_by_format_and_by_accept(up: Up) -> None:
    path = "/api/v1/metrics/monthly-revenue"
    by_format = up.client.get(path, params={"format": "csv"})
    by_accept = up.client.get(path, headers={"Accept": "text/csv;q=0.9, application/json;q=0.1"})
    assert by_format.headers["content-type"] == "text/csv; charset=utf-8"
    assert by_format.text == by_accept.text
    table = list(csv.DictReader(io.StringIO(by_format.text)))
    answer = read_exactly(up.client.get(path).text)
    assert table == [{name: str(value) for name, value in row.items()} for row in answer["rows"]]


def test_money_is_a_number_with_exactly_two_decimals(up: Up) -> None:
    text = up.client.get("/api/v1/metrics/summary").text
    revenue = read_exactly(text)["rows"][0]["revenue"]
    assert f'"revenue":{revenue},' in text
    assert revenue.as_tuple().exponent == -2


def test_roll_ups_equal_the_oracles(up: Up, rows: tuple[list[oracle.Row], int]) -> None:
    for group_by, measures in (
        ("city", "transactions,revenue,average_ticket"),
        ("city,month", "sales,rentals,mean_months"),
        ("type,year", "min_price,max_price"),
        ("model,day", "transactions,revenue"),
        ("week", "transactions"),
        ("quarter,weekday", "revenue"),
        ("", "revenue"),
    ):
        parameters = {"group_by": group_by, "measures": measures, "limit": "100000", "from": "2023-03"}
        parameters["job"] = up.first_job
        answer = read_exactly(up.client.get("/api/v1/query", params=parameters).text)
        keys, names = [key for key in group_by.split(",") if key], measures.split(",")
        assert answer["rows"] == oracle.query(selected(rows[0], {"from": "2023-03"}), keys, names)
        assert answer["columns"] == [*keys, *names]


def test_a_roll_up_is_ordered_and_limited(up: Up) -> None:
    parameters = {"group_by": "city", "order": "-revenue", "limit": "2"}
    answer = up.get("/query", params=parameters)
    ranking = [row["city"] for row in up.get("/metrics/city-comparison")["rows"]]
    assert [row["city"] for row in answer["rows"]] == ranking[:2]
    assert answer["note"] == "The first 2 of 5 rows (limit)."


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("/metrics/summary?towm=Paris", "towm"),
        ("/metrics/summary?from=2024-13", "from"),
        ("/metrics/summary?to=yesterday", "to"),
        ("/cities?from=2024-05&to=2024-04", "from"),
        ("/metrics/summary?type=gift", "type"),
        ("/metrics/summary?city=", "city"),
        ("/metrics/summary?n=3", "n"),
        ("/metrics/top-models?n=0", "n"),
        ("/metrics/trend?months=2", "months"),
        ("/metrics/trend?compare=year", "compare"),
        ("/metrics/summary?compare=month", "compare"),
        ("/metrics/trend?type=sale&type=rental", "type"),
        ("/query?group_by=colour", "group_by"),
        ("/query?measures=profit", "measures"),
        ("/query?group_by=city&order=model", "order"),
        ("/query?limit=0", "limit"),
        ("/jobs?limit=none", "limit"),
        ("/jobs?status=lost", "status"),
    ],
)
def test_an_unreadable_parameter_is_a_problem_that_names_it(up: Up, path: str, parameter: str) -> None:
    response = up.client.get(f"/api/v1{path}")
    problem = response.json()
    assert (response.status_code, response.headers["content-type"]) == (422, "application/problem+json")
    assert [error["name"] for error in problem["errors"]] == [parameter]
    assert parameter in problem["detail"]
    assert (problem["status"], problem["instance"]) == (422, response.url.path)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/nothing", 404),
        ("GET", "/api/v1/jobs/nothing", 404),
        ("GET", "/api/v1/metrics/nothing", 404),
        ("GET", "/api/v1/metrics/summary?job=nothing", 404),
        ("GET", "/api/v1/metrics/summary?format=xml", 406),
        ("DELETE", "/api/v1/jobs/nothing", 404),
        ("DELETE", "/api/v1/sources/nothing.csv", 404),
        ("DELETE", f"/api/v1/sources/{SOURCE}", 409),
        ("PUT", "/api/v1/sources/.hidden.csv", 422),
        ("PUT", "/api/v1/sources/program.exe", 422),
        ("PATCH", "/api/v1/jobs", 405),
    ],
)
def test_every_error_is_a_problem(up: Up, method: str, path: str, status: int) -> None:
    response = up.client.request(method, path)
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "status", "detail", "instance"} <= response.json().keys()


def test_an_accept_header_of_images_only_is_a_406(up: Up) -> None:
    assert up.client.get("/api/v1/metrics/summary", headers={"Accept": "image/*"}).status_code == 406


def test_a_body_that_is_not_a_job_is_refused_and_a_missing_source_fails_the_job(up: Up) -> None:
    assert up.client.post("/api/v1/jobs", json={"sauce": "x"}).status_code == 422
    assert up.client.post("/api/v1/jobs", content=b"{", headers={"Content-Type": "application/json"}).status_code == 422
    job = up.ended(up.submit("nowhere.csv"))
    assert (job["status"], job["error"]) == ("failed", "There is no source 'nowhere.csv' in the data folder.")
    response = up.client.get("/api/v1/metrics/summary", params={"job": job["id"]})
    assert (response.status_code, response.json()["job_status"]) == (409, "failed")


def test_a_job_without_a_body_runs_the_default_source(up: Up, rows: tuple[list[oracle.Row], int]) -> None:
    response = up.client.post("/api/v1/jobs")
    assert response.status_code == 202
    assert response.headers["location"] == f"/api/v1/jobs/{response.json()['id']}"
    job = up.ended(response.json()["id"])
    accepted, rejected = len(rows[0]), rows[1]
    assert (job["source"], job["status"], job["progress"]) == (SOURCE, "completed", 1.0)
    assert job["rows"] == {"read": accepted + rejected, "accepted": accepted, "rejected": rejected}
    assert job["batches"]["done"] == job["batches"]["total"] > 0
    assert job["bytes"]["done"] == job["bytes"]["total"] > 0
    assert up.get("/metrics/summary")["job_id"] == job["id"]


def test_batches_and_rejects_come_in_pages(up: Up, stack_data: bytes) -> None:
    job_id = up.get("/metrics/summary")["job_id"]
    batches = up.get(f"/jobs/{job_id}/batches")["items"]
    assert {batch["state"] for batch in batches} == {"done"}
    rejects, cursor = [], None
    while True:
        parameters = {"limit": "7"} | ({"cursor": cursor} if cursor else {})
        page = up.get(f"/jobs/{job_id}/rejects", params=parameters)
        rejects += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert page["truncated"] is False
    lines = stack_data.decode().splitlines()
    assert [(reject["line"], reject["reason"]) for reject in rejects] == oracle.read_rows(stack_data)[1]
    assert all(reject["raw"] == lines[reject["line"] - 1] and reject["file"] == SOURCE for reject in rejects)
    text = up.client.get(f"/api/v1/jobs/{job_id}/rejects", params={"format": "csv", "limit": "10000"}).text
    assert [row["raw"] for row in csv.DictReader(io.StringIO(text))] == [reject["raw"] for reject in rejects]


def test_a_source_is_uploaded_listed_replaced_run_and_deleted(up: Up) -> None:
    name, text = "june.csv", stack_source(50)
    first = up.client.put(f"/api/v1/sources/{name}", content=text.encode())
    assert (first.status_code, first.json()["bytes"], first.json()["uploaded"]) == (201, len(text.encode()), True)
    chunks = (chunk.encode() for chunk in (text, "\n"))
    assert up.client.put(f"/api/v1/sources/{name}", content=chunks).status_code == 200
    listed = {source["name"]: source["uploaded"] for source in up.get("/sources")["items"]}
    assert listed == {name: True, SOURCE: False}
    assert up.ended(up.submit(name))["rows"]["read"] == 50
    assert up.client.delete(f"/api/v1/sources/{name}").status_code == 204
    assert up.client.delete(f"/api/v1/sources/{name}").status_code == 404
    assert [path.name for path in (up.folder / ".autoconnect" / "uploads").iterdir()] == []


def test_a_job_is_cancelled_and_then_removed(up: Up) -> None:
    up.client.put("/api/v1/sources/long.csv", content=slow_to_map(stack_source(60_000)).encode())
    job_id = up.submit("long.csv")
    cancelled = up.client.delete(f"/api/v1/jobs/{job_id}")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert [job["id"] for job in up.get("/jobs", params={"status": "cancelled"})["items"]] == [job_id]
    again = up.client.delete(f"/api/v1/jobs/{job_id}")
    assert (again.status_code, again.content) == (204, b"")
    up.get(f"/jobs/{job_id}", status=404)
    up.client.delete("/api/v1/sources/long.csv")


def test_jobs_are_listed_in_pages_newest_first(up: Up) -> None:
    submitted = [up.submit("nowhere.csv") for _ in range(3)]
    page = up.get("/jobs", params={"limit": "2"})
    assert [job["id"] for job in page["items"]] == submitted[:0:-1]
    after = up.get("/jobs", params={"limit": "1", "cursor": page["next_cursor"]})
    assert [job["id"] for job in after["items"]] == [submitted[0]]
    assert up.get("/jobs/latest")["id"] == submitted[-1]


def test_cities_models_catalogue_workers_and_queues_are_listed(up: Up) -> None:
    for path, key in (("/cities", "city"), ("/models", "model")):
        rolled_up = up.get("/query", params={"group_by": key, "measures": "transactions"})["rows"]
        assert up.get(path)["items"] == [{**row, "spellings": {}} for row in rolled_up]
    catalogue = up.get("/metrics")["items"]
    assert [metric["name"] for metric in catalogue] == list(CATALOGUE)
    assert all(metric["definition"] and metric["columns"] for metric in catalogue)
    workers = up.get("/workers")["items"]
    assert len(workers) == 3
    assert all(worker["lease_ms_left"] > 0 for worker in workers)
    assert {queue["queue"] for queue in up.get("/queues")["items"]} == {
        *("orchestrator", "waiting", "ready", "claimed", "aggregator")
    }


def test_the_api_is_live_and_ready_and_its_root_is_the_dashboard(up: Up) -> None:
    assert up.client.get("/health/live").json() == {"status": "alive"}
    assert up.client.get("/health/ready").json() == {"status": "ready"}
    home = up.client.get("/")
    assert (home.status_code, home.headers["content-type"]) == (200, "text/html; charset=utf-8")


def test_every_operation_may_answer_with_a_problem(up: Up) -> None:
    document = up.client.get("/openapi.json").json()
    assert "HTTPValidationError" not in str(document)
    for operations in document["paths"].values():
        for operation in operations.values():
            assert list(operation["responses"]["default"]["content"]) == ["application/problem+json"]
