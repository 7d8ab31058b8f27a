"""The page for Prometheus, read by Prometheus' own parser."""

import re
from pathlib import Path

from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from api.app import create_app
from autoconnect.broker import staging, waits
from autoconnect.broker.connection import Client
from autoconnect.broker.keys import JobKeys
from autoconnect.broker.server import Share
from autoconnect.settings import Settings
from tests.integration.stack import Stack

_PAGE = Path(__file__).resolve().parents[2] / "docs" / "api.md"


def samples(settings: Settings) -> dict[tuple[str, ...], float]:
    """Values by the name and the labels of each sample."""
    with TestClient(create_app(settings)) as api:
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


def test_the_documentation_lists_every_sample(stack: Stack) -> None:
    documented = re.findall(r"^\| `(autoconnect_\w+)` \|", _PAGE.read_text(), re.MULTILINE)
    assert sorted(documented) == sorted({name for name, *_ in samples(stack.settings)})


def test_prometheus_gets_a_503_while_redis_is_away(stack: Stack) -> None:
    away = stack.settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})
    with TestClient(create_app(away)) as api:
        response = api.get("/metrics")
    assert (response.status_code, response.headers["content-type"]) == (503, "application/problem+json")
