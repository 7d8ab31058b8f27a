"""`jobs` and `metric`: a client of a running API, found by AUTOCONNECT_URL."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx2
import simplejson
from pydantic import BaseModel, ValidationError, model_validator

from autoconnect.cli.show import Watcher
from autoconnect.errors import AutoConnectError, SettingsError
from autoconnect.models import Job
from autoconnect.settings import load_settings

URL_VARIABLE = "AUTOCONNECT_URL"
DEFAULT_URL = "http://127.0.0.1:8000"
#: Between two questions of `jobs watch`.
_ASK_EVERY_S = 0.5

Form = TypeVar("Form", bound=BaseModel)


class Api:
    """The calls of the API that the command line makes; whatever goes wrong is an AutoConnectError."""

    def __init__(self, client: httpx2.Client) -> None:
        self._client = client

    def submit(self, source: str | None) -> Job:
        """A new job."""
        return self._read(Job, self._call("POST", "jobs", json={"source": source} if source else {}))

    def list_jobs(self, status: str | None, limit: int) -> list[Job]:
        """Jobs, newest first."""
        parameters = {"limit": str(limit)} | ({"status": status} if status else {})
        return self._read(_Jobs, self._call("GET", "jobs", params=parameters)).items

    def job(self, job_id: str) -> Job:
        """A job; `latest` is the newest."""
        return self._read(Job, self._call("GET", "jobs", job_id))

    def cancel(self, job_id: str) -> Job:
        """The job, cancelled."""
        return self._read(Job, self._call("DELETE", "jobs", job_id))

    def metric(self, name: str, filters: Mapping[str, str | list[str]]) -> Mapping[str, Any]:
        """The answer to a metric."""
        answer = self._call("GET", "metrics", name, params=filters)
        self._read(_Table, answer)
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

    def _call(self, method: str, *path: str, **options: Any) -> dict[str, Any]:
        quoted = "/".join(quote(part, safe="", errors="surrogateescape") for part in path)
        try:
            response = self._client.request(method, f"/api/v1/{quoted}", **options)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise AutoConnectError(
                f"The API at {self._client.base_url} does not answer ({error}); is it up, and is {URL_VARIABLE} right?"
            ) from None
        except UnicodeEncodeError as error:
            raise AutoConnectError(f"{error.object!r} is no text that can be sent.") from None
        try:
            document = simplejson.loads(response.text, use_decimal=True)
        except (ValueError, RecursionError):
            raise self._no_api() from None
        if not isinstance(document, dict):
            raise self._no_api()
        if response.is_success:
            return document
        detail = document.get("detail")
        if isinstance(detail, str):
            raise AutoConnectError(detail)
        raise AutoConnectError(f"The API at {self._client.base_url} answered with status {response.status_code}.")

    def _read(self, form: type[Form], document: dict[str, Any]) -> Form:
        try:
            return form.model_validate(document)
        except ValidationError:
            raise self._no_api() from None

    def _no_api(self) -> AutoConnectError:
        return AutoConnectError(
            f"What answers at {self._client.base_url} is not an AutoConnect API; is {URL_VARIABLE} right?"
        )


class _Jobs(BaseModel):
    items: list[Job]


class _Table(BaseModel):
    """A metric's answer, as far as it is shown."""

    columns: list[str]
    rows: list[dict[str, str | int | Decimal | None]]
    note: str | None = None

    @model_validator(mode="after")
    def _rows_have_all_columns(self) -> Self:
        if any(row.keys() < set(self.columns) for row in self.rows):
            raise ValueError("a row lacks a column")
        return self


@contextmanager
def connected() -> Iterator[Api]:
    """The API at AUTOCONNECT_URL, by itself http://127.0.0.1:8000.

    Raises SettingsError where that is no URL. Of several keys the first is sent.
    """
    keys = load_settings().api_keys
    headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {keys[0]}"} if keys else {})
    url = os.environ.get(URL_VARIABLE) or DEFAULT_URL
    if not url.startswith(("http://", "https://")):
        raise SettingsError(f"{URL_VARIABLE} is {url!r}; expected a URL such as {DEFAULT_URL}.")
    try:
        client = httpx2.Client(base_url=url, headers=headers, timeout=30)
    except (httpx2.InvalidURL, ValueError) as error:
        raise SettingsError(f"{URL_VARIABLE} is {url!r}: {error}.") from None
    with client:
        yield Api(client)
