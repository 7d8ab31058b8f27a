"""A real Prometheus with the project's configuration, which scrapes an API on this machine."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2

from tests.e2e.waiting import free_port, wait_until
from tests.observability import DEPLOY
from tests.required import require

_NO_KEY = Path("/dev/null")


def program(name: str) -> str:
    """The path of `prometheus` or `promtool`; the test ends if the machine has none."""
    path = shutil.which(name)
    if path is None:
        require("prometheus", f"there is no program {name}")
    return path


def configuration(folder: Path, api_url: str, key_file: Path = _NO_KEY) -> Path:
    """The project's configuration with an API of this machine, and with a second in place of 15."""
    folders = {"rules.yml": str(DEPLOY / "prometheus" / "rules.yml"), "/api-key": str(key_file)}
    text = (DEPLOY / "prometheus" / "prometheus.yml").read_text()
    for there, here in {**folders, "api:8000": urlsplit(api_url).netloc, "15s": "1s"}.items():
        assert there in text
        text = text.replace(there, here)
    path = folder / "prometheus.yml"
    path.write_text(text)
    return path


class Prometheus:
    """A client of a running Prometheus."""

    def __init__(self, client: httpx2.Client) -> None:
        self._client = client

    def values(self, query: str) -> list[float]:
        """The values of all series that a query gives now, without those that are not a number."""
        result = self._get("query", query=query)["result"]
        values = [float(series["value"][1]) for series in result]
        return [value for value in values if value == value]

    def rules(self) -> list[dict[str, Any]]:
        """The state of each rule."""
        (group,) = self._get("rules")["groups"]
        rules: list[dict[str, Any]] = group["rules"]
        return rules

    def answers(self) -> bool:
        try:
            return self._client.get("/-/ready").status_code == 200
        except httpx2.HTTPError:
            return False

    def _get(self, path: str, **parameters: str) -> Any:
        response = self._client.get(f"/api/v1/{path}", params=parameters)
        assert response.status_code == 200, response.text
        return response.json()["data"]


@contextmanager
def scraping(folder: Path, api_url: str, key_file: Path = _NO_KEY) -> Iterator[Prometheus]:
    """A Prometheus with its files in `folder`, which has scraped the API at least once."""
    folder.mkdir(exist_ok=True)
    port = free_port()
    command = [
        program("prometheus"),
        f"--config.file={configuration(folder, api_url, key_file)}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]
    with (
        (folder / "prometheus.txt").open("wb") as messages,
        subprocess.Popen(command, stdout=messages, stderr=messages) as process,
    ):
        try:
            with httpx2.Client(base_url=f"http://127.0.0.1:{port}") as client:
                prometheus = Prometheus(client)
                wait_until(f"Prometheus, see {folder}/prometheus.txt", prometheus.answers)
                wait_until("a scrape", lambda: prometheus.values("up"))
                yield prometheus
        finally:
            process.terminate()
