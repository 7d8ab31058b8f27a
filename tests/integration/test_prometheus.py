"""The page for Prometheus, read by Prometheus' own parser."""

import json
import platform
import re
import tomllib
from pathlib import Path

from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

import autoconnect
from api.app import create_app
from autoconnect.broker import jobs, partials, staging, waits
from autoconnect.broker.connection import Client
from autoconnect.broker.keys import JobKeys
from autoconnect.broker.server import Share
from autoconnect.core.schema import REASONS
from autoconnect.models import JobStatus
from autoconnect.settings import Settings
from tests.integration.stack import HEADER, Serve, Stack, map_claim

_PAGE = Path(__file__).resolve().parents[2] / "docs" / "operations.md"

Samples = dict[tuple[str, ...], float]


def samples(settings: Settings) -> Samples:
    """Values by the name and the labels of each sample."""
    with TestClient(create_app(settings)) as api:
        return scraped(api)


def scraped(api: TestClient) -> Samples:
    """The same from a running API."""
    response = api.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def test_counters_and_gauges_show_past_events_and_the_current_state(stack: Stack) -> None:
    batches = stack.finish(stack.planned(stack.generated(300)), stack.worker()).batches.total
    stack.submit("next.csv")
    values = samples(stack.settings)
    assert values["autoconnect_batches_done_total",] == batches > 1
    assert values["autoconnect_jobs_completed_total",] == 1
    assert values["autoconnect_batches_retried_total",] == values["autoconnect_jobs_failed_total",] == 0
    assert values["autoconnect_jobs_open",] == values["autoconnect_queue_depth", "orchestrator"] == 1
    assert values["autoconnect_workers_live",] == 1


def test_a_failed_job_and_a_cancelled_one_are_counted(stack: Stack) -> None:
    stack.finish(stack.planned("nowhere.csv"))
    with TestClient(create_app(stack.settings)) as api:
        assert api.delete(f"/api/v1/jobs/{stack.planned(stack.generated())}").status_code == 200
    values = samples(stack.settings)
    assert (values["autoconnect_jobs_failed_total",], values["autoconnect_jobs_cancelled_total",]) == (1, 1)
    assert values["autoconnect_jobs_open",] == 0


def test_gauges_show_the_memory_of_redis_and_what_fills_it(stack: Stack, admin: Client) -> None:
    stack.finish(stack.planned(stack.generated(300)), stack.worker())
    staging.stage_hash(admin, JobKeys("a job").staged("a name", "cube.3000"), {b"name": b"x" * 3_000}, Share.STAGE)
    waits.wait_for_memory(admin, stack.submit("next.csv"))
    try:
        admin.call("CONFIG", "SET", "maxmemory", 100_000_000)
        values = samples(stack.settings)
    finally:
        admin.call("CONFIG", "SET", "maxmemory", 0)
    assert values["autoconnect_redis_memory_maximum_bytes",] == 100_000_000
    assert values["autoconnect_redis_memory_reserved_bytes",] == 13_000_000
    assert 1_000_000 < values["autoconnect_redis_memory_used_bytes",] < 100_000_000
    assert values["autoconnect_results",] == values["autoconnect_jobs_waiting_for_memory",] == 1
    assert values["autoconnect_results_bytes",] > 10_000
    assert (values["autoconnect_staging",], values["autoconnect_staging_bytes",]) == (1, 3_000)


def test_the_documentation_lists_every_metric_with_its_type_and_labels(stack: Stack) -> None:
    documented = re.findall(r"^\| `(autoconnect_\w+)` \| (\w+) \|([^|]*)\|", _PAGE.read_text(), re.MULTILINE)
    stack.finish(stack.planned(stack.generated(30)), stack.worker())
    with TestClient(create_app(stack.settings)) as api:
        text = [api.get("/metrics").text for _ in range(2)][-1]
    kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))
    labels: dict[str, set[str]] = {name: set() for name in kinds}
    for sample in (sample for family in text_string_to_metric_families(text) for sample in family.samples):
        name = sample.name if sample.name in kinds else re.sub("_(bucket|sum|count)$", "", sample.name)
        labels[name] |= set(sample.labels) - {"le"}
    documented_labels = {name: set(re.findall(r"`(\w+)`", names)) for name, _, names in documented}
    assert sorted((name, kind) for name, kind, _ in documented) == sorted(kinds.items())
    assert documented_labels == labels


def test_rows_and_rejects_are_counted_once_per_committed_batch(stack: Stack, client: Client) -> None:
    rows = "".join(f"T{number},2024-05-01,Paris,vente,Clio,{number},\n" for number in range(1, 200))
    source = stack.write(HEADER + rows + "T200,never,Paris,vente,Clio,1,\nT201,2024-05-01,,vente,Clio,1,\n")
    worker, job_id = stack.worker(), stack.planned(source)
    first = stack.claimed(worker)
    for _ in range(2):  # the second is discarded
        partials.commit_batches(client, worker.id, [first.id], map_claim(first, stack.settings))
    stack.finish(job_id, worker)
    values = samples(stack.settings)
    assert (values["autoconnect_rows_read_total",], values["autoconnect_rows_accepted_total",]) == (201, 199)
    rejected = {key[1]: value for key, value in values.items() if key[0] == "autoconnect_rows_rejected_total"}
    assert rejected == dict.fromkeys(REASONS, 0) | {"bad_date": 1, "missing_city": 1}


def test_durations_of_jobs_and_batches_are_histograms_that_every_api_shows(stack: Stack, client: Client) -> None:
    batches = stack.finish(stack.planned(stack.generated(300)), stack.worker()).batches.total
    jobs.end_job(client, stack.planned(stack.generated(300)), JobStatus.CANCELLED)
    jobs.end_job(client, stack.submit("never-started.csv"), JobStatus.CANCELLED)
    values = samples(stack.settings)
    assert values["autoconnect_batch_duration_seconds_count",] == batches
    assert values["autoconnect_batch_duration_seconds_bucket", "7200.0"] == batches
    for status, count in (("completed", 1), ("cancelled", 1), ("failed", 0)):
        assert values["autoconnect_job_duration_seconds_count", status] == count
    assert 0 < values["autoconnect_job_duration_seconds_sum", "completed"] < 60
    again = samples(stack.settings)
    assert {key: value for key, value in again.items() if "_duration_" in key[0] and "http" not in key[0]} == {
        key: value for key, value in values.items() if "_duration_" in key[0] and "http" not in key[0]
    }


def test_a_batch_counts_in_the_bucket_of_the_time_since_its_claim(stack: Stack, client: Client) -> None:
    worker = stack.worker()
    job_id = stack.planned(stack.generated(300))
    claim = stack.claimed(worker)
    state = json.loads(client.call("HGET", JobKeys(job_id).batches, claim.id.batch))
    claimed_at = str(int(state["claimed_at"]) - 20_000)
    client.call("HSET", JobKeys(job_id).batches, claim.id.batch, json.dumps({**state, "claimed_at": claimed_at}))
    assert partials.commit_batches(client, worker.id, [claim.id], map_claim(claim, stack.settings))
    values = samples(stack.settings)
    name = "autoconnect_batch_duration_seconds"
    assert [values[f"{name}_bucket", bound] for bound in ("10.0", "30.0", "+Inf")] == [0, 1, 1]
    assert 20 <= values[f"{name}_sum",] < 30
    jobs.end_job(client, job_id, JobStatus.CANCELLED)


def test_the_age_of_the_published_result_and_of_the_oldest_waiting_batch(stack: Stack, client: Client) -> None:
    values = samples(stack.settings)
    assert ("autoconnect_published_result_age_seconds",) not in values
    assert values["autoconnect_oldest_waiting_batch_seconds",] == 0
    done = stack.planned(stack.generated(30))
    stack.finish(done, stack.worker())
    client.call("HINCRBY", JobKeys(done).job, "finished_at", -3_600_000)
    assert 3_600 <= samples(stack.settings)["autoconnect_published_result_age_seconds",] < 3_660
    job_id = stack.planned(stack.generated(300))
    assert 0 <= samples(stack.settings)["autoconnect_oldest_waiting_batch_seconds",] < 60
    client.call("HINCRBY", JobKeys(job_id).job, "generation", -3_600_000)
    assert 3_600 <= samples(stack.settings)["autoconnect_oldest_waiting_batch_seconds",] < 3_660
    jobs.end_job(client, job_id, JobStatus.CANCELLED)
    assert samples(stack.settings)["autoconnect_oldest_waiting_batch_seconds",] == 0


def test_answers_are_measured_by_route_method_and_status_and_unknown_paths_are_one(stack: Stack, serve: Serve) -> None:
    stack.finish(stack.planned(stack.generated(30)), stack.worker())
    api = serve(api_key="key-of-a-writer-8")
    etag = [api.get("/api/v1/metrics/summary") for _ in range(3)][-1].headers["etag"]
    api.get("/api/v1/metrics/summary", headers={"If-None-Match": etag})
    api.get("/api/v1/metrics/nothing")
    api.head("/api/v1/jobs/x")
    api.options("/api/v1/jobs/x")
    api.post("/api/v1/jobs")
    api.request("BREW", "/api/v1/jobs")
    for path in ("/x", "/y", "/api/v1/metrics/a/b", "/static/docs/swagger-ui.css"):
        api.get(path)
    counted = {
        tuple(labels): value
        for (name, *labels), value in scraped(api).items()
        if name == "autoconnect_http_request_duration_seconds_count"
    }
    assert counted == {
        ("GET", "/api/v1/metrics/{name}", "2xx"): 3,
        ("GET", "/api/v1/metrics/{name}", "3xx"): 1,
        ("GET", "/api/v1/metrics/{name}", "4xx"): 1,
        ("HEAD", "/api/v1/jobs/{job_id}", "4xx"): 1,
        ("OPTIONS", "/api/v1/jobs/{job_id}", "2xx"): 1,
        ("POST", "/api/v1/jobs", "4xx"): 1,
        ("other", "/api/v1/jobs", "4xx"): 1,
        ("GET", "unknown", "4xx"): 3,
        ("GET", "/static/docs", "2xx"): 1,
    }


def test_the_build_is_told(stack: Stack) -> None:
    told = {platform.python_version(), autoconnect.__version__}
    (info,) = [key for key in samples(stack.settings) if key[0] == "autoconnect_build_info"]
    assert set(info[1:]) == told
    project = tomllib.loads((_PAGE.parents[1] / "pyproject.toml").read_text())["project"]
    assert autoconnect.__version__ == project["version"]


def test_prometheus_gets_a_503_while_redis_is_away(stack: Stack) -> None:
    away = stack.settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})
    with TestClient(create_app(away)) as api:
        response = api.get("/metrics")
    assert (response.status_code, response.headers["content-type"]) == (503, "application/problem+json")
