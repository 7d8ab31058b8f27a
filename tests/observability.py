"""What `deploy/` shows to operators: the alert rules of Prometheus and the panels of Grafana's dashboard."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

DEPLOY = Path(__file__).resolve().parents[1] / "deploy"
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "dashboards" / "autoconnect.json").read_text())
#: All panels but the headings of rows.
PANELS: list[dict[str, Any]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]

_EXPR = re.compile(r"^ +expr: (.+?)^ +(?:for|labels):", re.MULTILINE | re.DOTALL)
_TEXT = re.compile(r'^ +(?:summary|description): (".+")$', re.MULTILINE)
_SERIES = re.compile(r"\b(autoconnect_\w+)(?:\{(.*?)\})?")


class Alert(NamedTuple):
    """An alert rule: its query, what is wrong when it fires, and what to do then."""

    name: str
    query: str
    summary: str
    action: str


def alerts() -> list[Alert]:
    """The alert rules, in their order."""
    rules = (DEPLOY / "prometheus" / "rules.yml").read_text().split("- alert: ")[1:]
    return [_alert(rule) for rule in rules]


def _alert(rule: str) -> Alert:
    (query,) = _EXPR.findall(rule)
    summary, action = map(json.loads, _TEXT.findall(rule))
    return Alert(rule.partition("\n")[0], query, summary, action)


def panel_queries() -> Iterator[tuple[str, str]]:
    """The title of each panel with each of its queries, with an interval in place of Grafana's variable."""
    for panel in PANELS:
        for target in panel["targets"]:
            yield panel["title"], target["expr"].replace("$__rate_interval", "1m")


def metrics_and_labels(query: str) -> Iterator[tuple[str, set[str]]]:
    """Each metric of a query, with the labels that it must have."""
    grouped = {label for labels in re.findall(r"\bby \((.*?)\)", query) for label in labels.split(", ")}
    for metric, matchers in _SERIES.findall(query):
        yield metric, grouped | set(re.findall(r'(\w+)[=!]~?"', matchers))
