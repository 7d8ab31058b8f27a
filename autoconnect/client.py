"""A client of a running API, for programs and the command line.

    from autoconnect.client import connected

    with connected() as api:
        job = api.watch(api.submit("transactions_autoconnect.csv").id)
        for row in api.metric("top-models", {"city": ["Paris", "Lyon"], "n": "3"})["rows"]:
            print(row["city"], row["model"], row["revenue"])

`connected` reads the address and the key from the environment unless they are passed. Every failure is an
AutoConnectError, whose message is one sentence for a user. It needs the packages of the extra `cli`.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from http import HTTPStatus
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx2
import simplejson
from pydantic import BaseModel, ValidationError, model_validator

from autoconnect.core.dialect import NOTHING_GIVEN, DialectOptions
from autoconnect.errors import AutoConnectError, SettingsError
from autoconnect.models import API_PREFIX, Job, SourceCheck
from autoconnect.settings import load_settings

URL_VARIABLE = "AUTOCONNECT_URL"
DEFAULT_URL = "http://127.0.0.1:8000"
#: Seconds between two polls of `watch`.
_POLL_EVERY_S = 0.5

Model = TypeVar("Model", bound=BaseModel)
#: A function that receives a job whenever its state has been read.
Watcher = Callable[[Job], None]


def _ignore(job: Job) -> None:
    pass


class Api:
    """The calls of the API; `connected` makes one.

    Each call raises AutoConnectError if the API does not answer, or answers with an error; the message is the API's own
    sentence if it sent one.
    """

    def __init__(self, client: httpx2.Client) -> None:
        self._client = client

    def submit(
        self, source: str | None = None, *, dialect: DialectOptions = NOTHING_GIVEN, publish: bool = True
    ) -> Job:
        """Submit a job and return it, without waiting for it.

        `source` is the name of a file in the API's folders; it defaults to the source that its stack was started with.
        `dialect` is what you give of its dialect. A source that cannot be read is not an error of this call: the job
        fails and says why. Without `publish`, the result is only published when you call `publish`.
        """
        body = {"publish": publish, "dialect": dialect.to_dict()} | ({"source": source} if source else {})
        return self._read(Job, self._call("POST", "jobs", json=body))

    def list_jobs(self, status: str | None = None, limit: int = 20) -> list[Job]:
        """Return up to `limit` jobs (1 to 1,000), newest first; with a `status`, only those that have it."""
        parameters = {"limit": str(limit)} | ({"status": status} if status else {})
        return self._read(_Jobs, self._call("GET", "jobs", params=parameters)).items

    def job(self, job_id: str = "latest") -> Job:
        """Return a job; `latest` is the newest one. An unknown id is an error."""
        return self._read(Job, self._call("GET", "jobs", job_id))

    def cancel(self, job_id: str) -> Job:
        """Cancel a job and return it. A job that has ended is an error."""
        job = self.job(job_id)
        if job.status.ended:
            raise AutoConnectError(f"Job {job.id} has already ended: it is {job.status}.")
        answer = self._call("DELETE", "jobs", job.id)
        if not answer:
            raise AutoConnectError(f"Job {job.id} ended before it could be cancelled, and was removed with its result.")
        return self._read(Job, answer)

    def retry(self, job_id: str) -> Job:
        """Run a failed job again and return it, without waiting for it. A job that has not failed is an error."""
        return self._read(Job, self._call("POST", "jobs", job_id, "retry"))

    def publish(self, job_id: str) -> Job:
        """Publish the result of a completed job and return the job. A job without a result is an error."""
        return self._read(Job, self._call("POST", "jobs", job_id, "publish"))

    def delete(self, job_id: str) -> None:
        """Remove an ended job and its result. An open job, and the one whose result is published, are errors."""
        job = self.job(job_id)
        if not job.status.ended:
            raise AutoConnectError(f"Job {job.id} is {job.status}; cancel it before you delete it.")
        self._call("DELETE", "jobs", job.id)

    def check(self, name: str, dialect: DialectOptions = NOTHING_GIVEN) -> SourceCheck:
        """Return how a source would be read, from a sample of it; a source that cannot be read is an error."""
        return self._read(
            SourceCheck, self._call("GET", "sources", name, "check", params={"dialect": dialect.to_json()})
        )

    def metric(self, name: str, filters: Mapping[str, str | list[str]] | None = None) -> Mapping[str, Any]:
        """Return the API's answer for a metric: its `columns`, its `rows` (a dict each), its job and its filters.

        `filters` are parameters of the call, such as `city`, `from`, `job` or an option of the metric. Numbers with a
        fraction are Decimals. It has all rows unless the filters have a `limit`. An unknown metric or parameter is an
        error.
        """
        answer = self._page(name, filters or {})
        while (cursor := answer.get("next_cursor")) and "limit" not in (filters or {}):
            page = self._page(name, {**(filters or {}), "job": answer["job_id"], "cursor": cursor})
            answer["rows"] += page["rows"]
            answer["next_cursor"] = page.get("next_cursor")
            answer.pop("note", None)  # it says which rows the first page has
        return answer

    def _page(self, name: str, parameters: Mapping[str, str | list[str]]) -> dict[str, Any]:
        answer = self._call("GET", "metrics", name, params=parameters)
        self._read(_Table, answer)
        return answer

    def watch(self, job_id: str = "latest", watcher: Watcher = _ignore) -> Job:
        """Poll a job every half second until it has ended, and return it; pass each state to the watcher.

        A job that failed is returned, too: look at its `status` and `error`.
        """
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
                f"The API at {self._client.base_url} does not answer ({error}); start it, or correct the URL "
                f"({URL_VARIABLE})."
            ) from None
        except UnicodeEncodeError as error:
            raise AutoConnectError(f"{error.object!r} cannot be sent; expected valid Unicode text.") from None
        if response.status_code == HTTPStatus.NO_CONTENT:
            return {}
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
            f"The answer of {self._client.base_url} is not that of an AutoConnect API; check the URL ({URL_VARIABLE})."
        )


class _Jobs(BaseModel):
    items: list[Job]


class _Table(BaseModel):
    """The fields of a metric's answer that are shown."""

    columns: list[str]
    rows: list[dict[str, str | int | Decimal | None]]
    note: str | None = None
    next_cursor: str | None = None

    @model_validator(mode="after")
    def _rows_have_all_columns(self) -> Self:
        if any(row.keys() < set(self.columns) for row in self.rows):
            raise ValueError("a row lacks a column")
        return self


@contextmanager
def connected(url: str | None = None, key: str | None = None) -> Iterator[Api]:
    """Connect to an API, and disconnect after the block.

    `url` defaults to AUTOCONNECT_URL or, if that is not set, to http://127.0.0.1:8000. `key` defaults to the key of
    the first entry of AUTOCONNECT_API_KEY, if there is one: without `key`, the settings in the environment are read.

    Raises SettingsError if the URL is not one, or if a setting that is read is invalid.
    """
    if key is None:
        key = next((entry.key for entry in load_settings().api_keys), None)
    headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
    name = "The URL" if url else URL_VARIABLE
    url = url or os.environ.get(URL_VARIABLE) or DEFAULT_URL
    if not url.startswith(("http://", "https://")):
        raise SettingsError(f"{name} is {url!r}; expected a URL such as {DEFAULT_URL}.")
    try:
        client = httpx2.Client(base_url=url, headers=headers, timeout=30)
    except (httpx2.InvalidURL, ValueError) as error:
        raise SettingsError(f"{name} is {url!r}: {error}.") from None
    with client:
        yield Api(client)
