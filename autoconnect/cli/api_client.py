"""`jobs` and `metric`: a client of a running API, found by AUTOCONNECT_URL."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx2
import simplejson

from autoconnect.cli.show import Watcher
from autoconnect.errors import AutoConnectError
from autoconnect.models import Job
from autoconnect.settings import load_settings

URL_VARIABLE = "AUTOCONNECT_URL"
DEFAULT_URL = "http://127.0.0.1:8000"
#: Between two questions of `jobs watch`.
_ASK_EVERY_S = 0.5


class Api:
    """The calls of the API that the command line makes; whatever goes wrong is an AutoConnectError."""

    def __init__(self, client: httpx2.Client) -> None:
        self._client = client

    def submit(self, source: str | None) -> Job:
        """A new job."""
        return Job.model_validate(self._call("POST", "/jobs", json={"source": source} if source else {}))

    def list_jobs(self, status: str | None, limit: int) -> list[Job]:
        """Jobs, newest first."""
        parameters = {"limit": str(limit)} | ({"status": status} if status else {})
        return [Job.model_validate(item) for item in self._call("GET", "/jobs", params=parameters)["items"]]

    def job(self, job_id: str) -> Job:
        """A job; `latest` is the newest."""
        return Job.model_validate(self._call("GET", f"/jobs/{job_id}"))

    def cancel(self, job_id: str) -> Job:
        """The job, cancelled."""
        return Job.model_validate(self._call("DELETE", f"/jobs/{job_id}"))

    def metric(self, name: str, filters: Mapping[str, str | list[str]]) -> Mapping[str, Any]:
        """The answer to a metric."""
        answer: Mapping[str, Any] = self._call("GET", f"/metrics/{name}", params=filters)
        return answer

    def watch(self, job_id: str, watcher: Watcher) -> Job:
        """Asks again and again until the job has ended."""
        while True:
            job = self.job(job_id)
            watcher(job)
            if job.status.ended:
                return job
            job_id = job.id
            time.sleep(_ASK_EVERY_S)

    def _call(self, method: str, path: str, **options: Any) -> Any:
        try:
            response = self._client.request(method, f"/api/v1{path}", **options)
        except httpx2.HTTPError as error:
            raise AutoConnectError(
                f"The API at {self._client.base_url} does not answer ({error}); is it up, and is {URL_VARIABLE} right?"
            ) from None
        try:
            document = simplejson.loads(response.text, use_decimal=True)
        except ValueError:
            raise AutoConnectError(f"{response.url} is not an AutoConnect API: it answered no JSON.") from None
        if response.is_success:
            return document
        raise AutoConnectError(document.get("detail", f"The API answered with status {response.status_code}."))


@contextmanager
def connected() -> Iterator[Api]:
    """The API at AUTOCONNECT_URL, by itself http://127.0.0.1:8000."""
    key = load_settings().api_key
    headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
    url = os.environ.get(URL_VARIABLE) or DEFAULT_URL
    with httpx2.Client(base_url=url, headers=headers, timeout=30) as client:
        yield Api(client)
