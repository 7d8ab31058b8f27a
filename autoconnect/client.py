"""A client of a running API, as the command line uses it."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx2
import simplejson
from pydantic import BaseModel, ValidationError, model_validator

from autoconnect.errors import AutoConnectError, SettingsError
from autoconnect.models import API_PREFIX, Job
from autoconnect.settings import load_settings

URL_VARIABLE = "AUTOCONNECT_URL"
DEFAULT_URL = "http://127.0.0.1:8000"
#: Seconds between two polls of `jobs watch`.
_POLL_EVERY_S = 0.5

Model = TypeVar("Model", bound=BaseModel)
#: A function that receives a job whenever its state has been read.
Watcher = Callable[[Job], None]


class Api:
    """The calls of the API; every failure is an AutoConnectError."""

    def __init__(self, client: httpx2.Client) -> None:
        self._client = client

    def submit(self, source: str | None) -> Job:
        """Submits a job and returns it."""
        return self._read(Job, self._call("POST", "jobs", json={"source": source} if source else {}))

    def list_jobs(self, status: str | None, limit: int) -> list[Job]:
        """Returns jobs, newest first."""
        parameters = {"limit": str(limit)} | ({"status": status} if status else {})
        return self._read(_Jobs, self._call("GET", "jobs", params=parameters)).items

    def job(self, job_id: str) -> Job:
        """Returns a job; `latest` is the newest one."""
        return self._read(Job, self._call("GET", "jobs", job_id))

    def cancel(self, job_id: str) -> Job:
        """Cancels a job and returns it."""
        return self._read(Job, self._call("DELETE", "jobs", job_id))

    def metric(self, name: str, filters: Mapping[str, str | list[str]]) -> Mapping[str, Any]:
        """Returns the API's answer for a metric."""
        answer = self._call("GET", "metrics", name, params=filters)
        self._read(_Table, answer)
        return answer

    def watch(self, job_id: str, watcher: Watcher) -> Job:
        """Polls a job until it has ended; passes each state to the watcher."""
        while True:
            job = self.job(job_id)
            watcher(job)
            if job.status.ended:
                return job
            job_id = job.id
            time.sleep(_POLL_EVERY_S)

    def _call(self, method: str, *path: str, **options: Any) -> dict[str, Any]:
        quoted = "/".join(quote(part, safe="", errors="surrogateescape") for part in path)
        try:
            response = self._client.request(method, f"{API_PREFIX}/{quoted}", **options)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise AutoConnectError(
                f"The API at {self._client.base_url} does not answer ({error}); start it, or correct {URL_VARIABLE}."
            ) from None
        except UnicodeEncodeError as error:
            raise AutoConnectError(f"{error.object!r} cannot be sent; expected valid Unicode text.") from None
        try:
            document = simplejson.loads(response.text, use_decimal=True)
        except (ValueError, RecursionError):
            raise self._not_an_api() from None
        if not isinstance(document, dict):
            raise self._not_an_api()
        if response.is_success:
            return document
        detail = document.get("detail")
        if isinstance(detail, str):
            raise AutoConnectError(detail)
        raise AutoConnectError(f"The API at {self._client.base_url} answered with status {response.status_code}.")

    def _read(self, model: type[Model], document: dict[str, Any]) -> Model:
        try:
            return model.model_validate(document)
        except ValidationError:
            raise self._not_an_api() from None

    def _not_an_api(self) -> AutoConnectError:
        return AutoConnectError(
            f"The answer of {self._client.base_url} is not that of an AutoConnect API; check {URL_VARIABLE}."
        )


class _Jobs(BaseModel):
    items: list[Job]


class _Table(BaseModel):
    """The fields of a metric's answer that are shown."""

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
    """Connects to the API at AUTOCONNECT_URL, which defaults to http://127.0.0.1:8000; sends the first of several keys.

    Raises SettingsError if AUTOCONNECT_URL is not a URL.
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
