"""Prometheus reads an API that asks for a key, if it has one."""

import secrets
from pathlib import Path

from tests.e2e.scraping import scraping
from tests.integration.api_server import api_server


def test_prometheus_sends_the_key_of_its_file(tmp_path: Path, redis_url: str) -> None:
    key = secrets.token_hex(16)
    (key_file := tmp_path / "key").write_text(f"{key}\n")
    keys = {"API_KEY": f"prometheus:read:{key}", "API_KEY_FOR_READING": "true"}
    with api_server(tmp_path, redis_url, **keys) as api:
        with scraping(tmp_path / "with", api.url, key_file) as prometheus:
            assert prometheus.values("up") == [1]
        with scraping(tmp_path / "without", api.url) as prometheus:
            assert prometheus.values("up") == [0]
