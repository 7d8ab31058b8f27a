"""The dashboard and the alerts are laid out well, explained, and listed on the page for operators."""

import re
from typing import Any

import pytest

from tests.observability import DASHBOARD, DEPLOY, PANELS, alerts
from tests.unit.test_docs import ROOT, read, section, table_rows


def test_the_operations_page_lists_every_alert_and_what_to_do() -> None:
    rows = [f"| `{alert.name}` | {alert.summary} | {alert.action} |" for alert in alerts()]
    assert len(rows) == (DEPLOY / "prometheus" / "rules.yml").read_text().count("expr:") > 8
    assert table_rows(section(read("docs/operations.md"), "Observability")) == rows


def test_no_panel_covers_another_or_is_outside_the_grid() -> None:
    covered = [
        (column, line)
        for panel in DASHBOARD["panels"]
        for place in [panel["gridPos"]]
        for column in range(place["x"], place["x"] + place["w"])
        for line in range(place["y"], place["y"] + place["h"])
    ]
    assert len(covered) == len(set(covered))
    assert {column for column, _ in covered} == set(range(24))


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: str(panel["title"]))
def test_a_panel_has_a_unit_a_description_and_the_provisioned_data_source(panel: dict[str, Any]) -> None:
    (uid,) = re.findall(r"uid: (\w+)", (DEPLOY / "grafana" / "datasources" / "prometheus.yml").read_text())
    assert panel["datasource"] == {"type": "prometheus", "uid": uid}
    assert re.fullmatch(r"[A-Z].{20,250}\.", str(panel["description"]))
    assert panel["fieldConfig"]["defaults"]["unit"]


def test_no_two_panels_have_one_title_or_number() -> None:
    for values in ([panel["title"] for panel in PANELS], [panel["id"] for panel in DASHBOARD["panels"]]):
        assert len(values) == len(set(values))


def test_the_images_have_fixed_versions_and_ports_on_this_machine_only() -> None:
    compose = (ROOT / "docker-compose.yml").read_text()
    assert len(re.findall(r"image: (?:prom/prometheus:v|grafana/grafana:)\d+\.\d+\.\d+$", compose, re.MULTILINE)) == 2
    assert re.findall(r'ports: \["(\S+?):\$', compose) == ["127.0.0.1"] * 3
