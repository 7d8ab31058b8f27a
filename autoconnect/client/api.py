"""The calls of the API."""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import httpx2
from pydantic import BaseModel

from autoconnect.client import events, files
from autoconnect.client.connection import DEFAULT_URL, URL_VARIABLE, Connection, http_client
from autoconnect.client.errors import Conflict, JobUnfinished
from autoconnect.client.handles import Source, SubmittedJob, Watcher
from autoconnect.client.rows import Filter, RejectPage, Rows, TablePage, parameters_of, roll_up
from autoconnect.core.dialect import NOTHING_GIVEN, DialectOptions
from autoconnect.core.outcome import REJECT_COLUMNS
from autoconnect.models import Job, SourceCheck
from autoconnect.settings import load_settings

#: Seconds between two looks at a job that is waited for with a time limit.
_POLL_EVERY_S = 0.25


class AutoConnect:
    """A running API, connected until `close` or the end of a `with` block.

    Each call raises ApiError if the API answers with an error, and ApiUnavailable if it does not answer. Filters are
    keyword arguments with the names of the API; `from_` stands for `from`, which is a word of Python's.
    """

    def __init__(self, url: str = DEFAULT_URL, api_key: str | None = None) -> None:
        """Raises SettingsError if the URL is not one."""
        self._connection = Connection(http_client(url, api_key, "The URL"))

    @classmethod
    def over(cls, client: httpx2.Client) -> Self:
        """The calls over a client of your own, with its address, headers and timeouts."""
        api = cls.__new__(cls)
        api._connection = Connection(client)
        return api

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Disconnect."""
        self._connection.client.close()

    def submit(
        self,
        source: str | None = None,
        *,
        dialect: DialectOptions = NOTHING_GIVEN,
        publish: bool = True,
        idempotency_key: str | None = None,
    ) -> SubmittedJob:
        """Submit a job and return it; `.wait()` waits for it.

        `source` is the name of a file in the API's folders; it defaults to the source that its stack was started with.
        `dialect` is what you give of its dialect. A source that cannot be read is not an error of this call: the job
        fails and says why. Without `publish`, the result is only published when you call `publish`. Calls with the same
        `idempotency_key` submit one job.
        """
        body = {"publish": publish, "dialect": dialect.to_dict()} | ({"source": source} if source else {})
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        return self._submitted(self._connection.call("POST", "jobs", json=body, headers=headers))

    def jobs(self, status: str | None = None, limit: int = 20) -> list[Job]:
        """Return up to `limit` jobs (1 to 1,000), newest first; with a `status`, only those that have it."""
        parameters = parameters_of({"limit": limit, "status": status})
        return self._connection.read(_Jobs, self._connection.call("GET", "jobs", params=parameters)).items

    def job(self, job_id: str = "latest") -> Job:
        """Return a job; `latest` is the newest one."""
        return self._connection.read(Job, self._connection.call("GET", "jobs", job_id))

    def cancel(self, job_id: str) -> Job:
        """Cancel a job and return it; raises Conflict if it has ended."""
        job = self.job(job_id)
        if job.status.ended:
            raise Conflict(f"Job {job.id} has already ended: it is {job.status}.", 409)
        answer = self._connection.call("DELETE", "jobs", job.id)
        if not answer:
            raise Conflict(f"Job {job.id} ended before it could be cancelled, and was removed with its result.", 409)
        return self._connection.read(Job, answer)

    def retry(self, job_id: str) -> SubmittedJob:
        """Run a failed job again and return it; `.wait()` waits for it. Raises Conflict if it has not failed."""
        return self._submitted(self._connection.call("POST", "jobs", job_id, "retry"))

    def publish(self, job_id: str) -> Job:
        """Publish the result of a completed job and return the job; raises Conflict if it has no result."""
        return self._connection.read(Job, self._connection.call("POST", "jobs", job_id, "publish"))

    def delete(self, job_id: str) -> None:
        """Remove an ended job and its result; raises Conflict if it is open, or its result is published."""
        job = self.job(job_id)
        if not job.status.ended:
            raise Conflict(f"Job {job.id} is {job.status}; cancel it before you delete it.", 409)
        self._connection.call("DELETE", "jobs", job.id)

    def events(self, job_id: str | None = None) -> Iterator[Job]:
        """Yield the state of a job now and after each change until it has ended; without an id, of all jobs, endlessly.

        At most ten states a second are told of a job. Connects again for half a minute if the API goes away. Raises
        NotFound if the job is removed meanwhile.
        """
        return events.follow(self._connection, job_id)

    def watch(self, job_id: str = "latest", watcher: Watcher = lambda job: None) -> Job:
        """Wait until a job has ended, and return it; pass each state to the watcher.

        A job that failed is returned, too: look at its `status` and `error`.
        """
        job = self.job(job_id)
        if job.status.ended:
            watcher(job)
            return job
        for state in self.events(job.id):
            watcher(state)
        return self.job(job.id)

    def metric(self, name: str, filters: Mapping[str, Filter] | None = None, **more: Filter) -> Rows:
        """Return the rows of a metric: all of them, unless there is a `limit`.

        Filters are for instance `city`, `from_`, `job` or an option of the metric. Raises NotFound for an unknown
        metric, and Invalid for an unknown filter.
        """
        return self._rows(("metrics", name), {**(filters or {}), **more})

    def query(
        self,
        group_by: str | Sequence[str] = (),
        measures: str | Sequence[str] = (),
        order: str | Sequence[str] = (),
        **filters: Filter,
    ) -> Rows:
        """Return the rows of a roll-up: all of them, unless there is a `limit`. Raises Invalid for an unknown column.

        `measures` default to transactions and revenue; `order` has columns, with `-` in front to sort in descending
        order.
        """
        return self._rows(("query",), {**roll_up(group_by, measures, order), **filters})

    def rejects(self, job_id: str = "latest", limit: int | None = None) -> Rows:
        """Return the rejected rows of a job, in the order of its file, at most 10,000 or `limit`.

        `.answer["truncated"]` is True if the job rejected more than the API keeps.
        """
        path = ("jobs", self.job(job_id).id, "rejects")
        parameters = parameters_of({"limit": limit})
        answer = self._connection.call("GET", *path, params=parameters)
        page = self._connection.read(RejectPage, answer)
        while page.next_cursor and limit is None:
            page = self._connection.read(
                RejectPage, self._connection.call("GET", *path, params={"cursor": page.next_cursor})
            )
            answer["items"] += page.items
            answer["next_cursor"] = page.next_cursor
        return Rows([column.name for column in REJECT_COLUMNS], answer["items"], answer)

    def report(self, job_id: str = "latest", lang: str = "en") -> bytes:
        """Return the report of a completed job, a page of HTML in UTF-8; `lang` is en or fr.

        Raises Conflict if the job is not completed.
        """
        path = ("jobs", self.job(job_id).id, "report")
        with self._connection.open("GET", *path, params={"lang": lang}, headers={"Accept": "text/html"}) as response:
            return response.read()

    def save(self, file: str | Path, form: str, *path: str, **filters: Filter) -> Path:
        """Write an answer in a format (csv, xlsx, parquet, json) into a file, and return its path.

        `path` is that of the call, such as `"metrics", "trend"` or `"query"`. CSV, xlsx and Parquet have all rows. The
        file is complete or not there.
        """
        return files.save(self._connection, Path(file), path, parameters_of({**filters, "format": form}))

    def upload(self, file: str | Path, name: str | None = None) -> Source:
        """Upload a file as a source and return that; `name` defaults to the file's own.

        An upload of the same name is replaced. Raises SourceUnusable if the file cannot be read, and Invalid if the API
        refuses it.
        """
        return self._connection.read(Source, files.upload(self._connection, Path(file), name))

    def check(self, name: str, dialect: DialectOptions = NOTHING_GIVEN) -> SourceCheck:
        """Return how a source would be read, from a sample of it; raises Invalid if it cannot be read."""
        parameters = {"dialect": dialect.to_json()}
        return self._connection.read(
            SourceCheck, self._connection.call("GET", "sources", name, "check", params=parameters)
        )

    def sources(self) -> list[Source]:
        """Return the files that jobs can read, by name."""
        return self._connection.read(_Sources, self._connection.call("GET", "sources")).items

    def delete_source(self, name: str) -> None:
        """Delete an uploaded source; raises Conflict if it is a file of the data folder."""
        self._connection.call("DELETE", "sources", name)

    def _rows(self, path: Sequence[str], filters: Mapping[str, Filter]) -> Rows:
        parameters = parameters_of(filters)
        answer = self._page(path, parameters)
        while (cursor := answer.get("next_cursor")) and "limit" not in parameters:
            page = self._page(path, {**parameters, "job": answer["job_id"], "cursor": cursor})
            answer["rows"] += page["rows"]
            answer["next_cursor"] = page.get("next_cursor")
            answer.pop("note", None)  # it says which rows the first page has
        return Rows(answer["columns"], answer["rows"], answer)

    def _page(self, path: Sequence[str], parameters: Mapping[str, str | list[str]]) -> dict[str, Any]:
        answer = self._connection.call("GET", *path, params=parameters)
        self._connection.read(TablePage, answer)
        return answer

    def _submitted(self, answer: dict[str, Any]) -> SubmittedJob:
        self._connection.read(Job, answer)
        return SubmittedJob.of(answer, self._wait)

    def _wait(self, job_id: str, timeout_s: float | None) -> Job:
        if timeout_s is None:
            return self.watch(job_id)
        deadline = time.monotonic() + timeout_s
        while not (job := self.job(job_id)).status.ended:
            if time.monotonic() > deadline:
                raise JobUnfinished(job, timeout_s)
            time.sleep(min(_POLL_EVERY_S, timeout_s))
        return job


class _Jobs(BaseModel):
    items: list[Job]


class _Sources(BaseModel):
    items: list[Source]


def connected(url: str | None = None, key: str | None = None) -> AutoConnect:
    """Connect to the API of the environment; use it in a `with` block.

    `url` defaults to AUTOCONNECT_URL or, if that is not set, to http://127.0.0.1:8000. `key` defaults to the key of
    the first entry of AUTOCONNECT_API_KEY, if there is one: without `key`, the settings in the environment are read.

    Raises SettingsError if the URL is not one, or if a setting that is read is invalid.
    """
    if key is None:
        key = next((entry.key for entry in load_settings().api_keys), None)
    name = "The URL" if url else URL_VARIABLE
    return AutoConnect.over(http_client(url or os.environ.get(URL_VARIABLE) or DEFAULT_URL, key, name))
