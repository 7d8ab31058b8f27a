"""What Prometheus collects, read by Prometheus' own parser."""

import re
from pathlib import Path

from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from api.app import create_app
from autoconnect.settings import Settings
from tests.integration.stack import Stack

_PAGE = Path(__file__).resolve().parents[2] / "docs" / "api.md"


def samples(settings: Settings) -> dict[tuple[str, ...], float]:
    """Values by name and label."""
    with TestClient(create_app(settings)) as api:
        response = api.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def test_it_finds_what_has_happened_and_how_things_stand(stack: Stack) -> None:
    batches = stack.finish(stack.planned(stack.generated(300)), stack.worker()).batches.total
    stack.submit("next.csv")
    found = samples(stack.settings)
    assert found["autoconnect_batches_done_total",] == batches > 1
    assert found["autoconnect_jobs_completed_total",] == 1
    assert found["autoconnect_batches_retried_total",] == found["autoconnect_jobs_failed_total",] == 0
    assert found["autoconnect_jobs_open",] == found["autoconnect_queue_depth", "orchestrator"] == 1
    assert found["autoconnect_workers_live",] == 1


def test_a_failed_job_and_a_cancelled_one_are_counted(stack: Stack) -> None:
    stack.finish(stack.planned("nowhere.csv"))
    with TestClient(create_app(stack.settings)) as api:
        assert api.delete(f"/api/v1/jobs/{stack.planned(stack.generated())}").status_code == 200
    found = samples(stack.settings)
    assert (found["autoconnect_jobs_failed_total",], found["autoconnect_jobs_cancelled_total",]) == (1, 1)
    assert found["autoconnect_jobs_open",] == 0


def test_all_that_is_collected_is_on_its_page(stack: Stack) -> None:
    listed = re.findall(r"^\| `(autoconnect_\w+)` \|", _PAGE.read_text(), re.MULTILINE)
    assert sorted(listed) == sorted({name for name, *_ in samples(stack.settings)})


def test_it_is_told_503_while_redis_is_away(stack: Stack) -> None:
    away = stack.settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})
    with TestClient(create_app(away)) as api:
        response = api.get("/metrics")
    assert (response.status_code, response.headers["content-type"]) == (503, "application/problem+json")
