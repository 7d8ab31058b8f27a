"""What the dashboard and the alerts ask for is there, on the page of an API and in a Prometheus that reads it."""

import subprocess
from collections import defaultdict
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.conftest import SOURCE
from tests.e2e.processes import Up
from tests.e2e.scraping import Prometheus, configuration, program, scraping
from tests.e2e.waiting import wait_until
from tests.observability import alerts, metrics_and_labels, panel_queries

_QUERIES = [*panel_queries(), *((alert.name, alert.query) for alert in alerts())]
_ALERT_TESTS = Path(__file__).with_name("alerts.yml")


def test_every_metric_and_label_of_the_dashboard_and_the_alerts_exists(up: Up) -> None:
    up.client.get("/api/v1/jobs")  # a request that ends before the page is read
    served = _served(up)
    used = [(title, *use) for title, query in _QUERIES for use in metrics_and_labels(query)]
    assert len(used) > 30
    assert {name for _, name, _ in used} - set(served) == set()
    assert [(title, name, labels - served[name]) for title, name, labels in used if not labels <= served[name]] == []


def test_promtool_accepts_the_configuration(tmp_path: Path) -> None:
    _promtool("check", "config", str(configuration(tmp_path, "http://127.0.0.1:8000")))


def test_alerts_fire_above_their_limits_only() -> None:
    tests = _ALERT_TESTS.read_text()
    assert [alert.name for alert in alerts() if f'alertname="{alert.name}"' not in tests] == []
    _promtool("test", "rules", str(_ALERT_TESTS))


def test_every_panel_shows_data(up: Up, tmp_path: Path) -> None:
    """Given a Prometheus that scrapes the API / When a job completes, one fails and calls are made, I expect data."""
    with scraping(tmp_path, up.url) as prometheus:
        up.ended(up.submit(SOURCE))
        failed = up.submit("nowhere.csv")
        up.ended(failed)
        wait_until("data for every panel", lambda: not _without_data(up, prometheus))
        assert prometheus.values('ALERTS{alertname="JobFailed", alertstate="firing"}') == [1]
        assert {rule["name"]: rule["health"] for rule in prometheus.rules()} == {each.name: "ok" for each in alerts()}
    assert up.client.delete(f"/api/v1/jobs/{failed}").status_code == 204


def _served(up: Up) -> dict[str, set[str]]:
    """The labels of each sample of the API's page, by its name."""
    labels: dict[str, set[str]] = defaultdict(set)
    for family in text_string_to_metric_families(up.client.get("/metrics").text):
        for sample in family.samples:
            labels[sample.name] |= set(sample.labels)
    return labels


def _without_data(up: Up, prometheus: Prometheus) -> list[tuple[str, str]]:
    """The queries of the dashboard that give nothing, after calls that succeed and calls that do not."""
    assert up.client.get("/api/v1/metrics/summary").status_code == 200
    assert up.client.get("/api/v1/metrics/unknown").status_code == 404
    return [(title, query) for title, query in panel_queries() if not prometheus.values(query)]


def _promtool(*arguments: str) -> None:
    done = subprocess.run([program("promtool"), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
