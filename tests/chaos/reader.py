"""A client that asks the APIs for results all the time, and compares each answer with the job that Redis has."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from threading import Event, Lock
from typing import Any, Self

import httpx2

from autoconnect.broker import results
from autoconnect.broker.connection import Client, connect
from autoconnect.broker.keys import JobKeys
from autoconnect.core.metrics import CATALOGUE
from autoconnect.errors import BrokerUnavailable
from autoconnect.models import API_PREFIX
from tests.chaos.jobs import Jobs
from tests.chaos.redis_server import RedisServer
from tests.chaos.sources import Source

#: Seconds between two questions.
_PAUSE_S = 0.02
#: Seconds that an answer may take: longer than any fault, and than the attempts of the API's own client.
_TIMEOUT_S = 60.0
#: Share of the questions that are about the published result.
_PUBLISHED_SHARE = 0.3
#: Rows of an answer unless `limit` says otherwise.
_PAGE_ROWS = 1_000
_QUESTIONS = [*(f"metrics/{name}" for name in CATALOGUE), "metrics/summary?type=rental"]


@dataclass(frozen=True)
class _State:
    """The job that a question is about, as Redis has it; `ends` counts the ends of Redis' processes."""

    ends: int
    job_id: str | None
    status: str = ""
    source: str = ""
    result: str = ""

    @classmethod
    def read(cls, client: Client, ends: int, asked_id: str | None) -> Self:
        job_id = asked_id or results.published_job(client)
        if job_id is None:
            return cls(ends, None)
        fields = client.call("HMGET", JobKeys(job_id).job, "status", "source", "result")
        return cls(ends, job_id, *((field or b"").decode() for field in fields))

    @property
    def codes(self) -> Sequence[int]:
        """The status codes that an answer may have."""
        if not self.status:
            return (404, 410)
        if self.status != "completed":
            return (409,)
        return (200,) if self.result else (404, 410)


class Reader:
    """Asks until `stop`; `run` needs a thread of its own. Nothing is asked while another thread holds `pause`."""

    def __init__(
        self, urls: Sequence[str], redis: RedisServer, jobs: Jobs, sources: Mapping[str, Source], complaints: list[str]
    ) -> None:
        self.counts: Counter[str] = Counter()
        self.pause = Lock()
        self._urls = urls
        self._redis = redis
        self._client = connect(redis.url)
        self._jobs = jobs
        self._sources = sources
        self._random = Random(0)
        self._complaints = complaints
        self._stop = Event()
        self._bodies: dict[str, tuple[str, str]] = {}

    def run(self) -> None:
        """Ask all the time."""
        with httpx2.Client(timeout=_TIMEOUT_S) as api:
            while not self._stop.wait(_PAUSE_S):
                with self.pause:
                    self._try_to_ask(api)
        self._client.close()

    def stop(self) -> None:
        """Let `run` return."""
        self._stop.set()

    def _try_to_ask(self, api: httpx2.Client) -> None:
        recent = self._jobs.recent
        job_id = self._random.choice(recent) if recent and self._random.random() > _PUBLISHED_SHARE else None
        path = self._random.choice(_QUESTIONS)
        try:
            self._ask(api, path, job_id)
        except BrokerUnavailable:
            self.counts["without Redis"] += 1
        except httpx2.HTTPError as error:
            self.counts[f"without an API: {type(error).__name__}"] += 1

    def _ask(self, api: httpx2.Client, path: str, job_id: str | None) -> None:
        before = _State.read(self._client, self._redis.ends, job_id)
        code, body = self._get(api, path, job_id)
        after = _State.read(self._client, self._redis.ends, job_id)
        self.counts[f"answered {code}"] += 1
        if code == 503:
            return
        if before == after and code not in before.codes:
            self._complaints.append(f"{path} answers {code} for {before}, expected {before.codes}: {body[:300]}")
        if code == 200:
            self._complaints += self._wrong_rows(path, json.loads(body, parse_float=Decimal), before, after)

    def _get(self, api: httpx2.Client, path: str, job_id: str | None) -> tuple[int, str]:
        """The status code and the body of an answer; one that the client has already counts as sent."""
        separator = "&" if "?" in path else "?"
        url = f"{self._random.choice(self._urls)}{API_PREFIX}/{path}{f'{separator}job={job_id}' if job_id else ''}"
        tag, known_body = self._bodies.get(url, ("", ""))
        answer = api.get(url, headers={"If-None-Match": tag} if tag else {})
        if tag and answer.status_code == 304:
            self.counts["answered 304"] += 1
            return 200, known_body
        if answer.status_code == 200 and "ETag" in answer.headers:
            self._bodies[url] = answer.headers["ETag"], answer.text
        return answer.status_code, answer.text

    def _wrong_rows(self, path: str, answer: Any, before: _State, after: _State) -> list[str]:
        """A complaint unless the rows are those of the file that the job read, before or after the question."""
        states = [state for state in (before, after) if state.job_id == answer["job_id"] and state.source]
        if not states:  # the job came and went meanwhile
            self.counts["not compared"] += 1
            if before != after:
                return []
        if answer["complete"] and any(_is_first_page(answer, self._sources[s.source].answers[path]) for s in states):
            return []
        return [f"{path} answers {str(answer)[:600]}, which is not of {before} or {after}"]


def _is_first_page(answer: Any, rows: Sequence[object]) -> bool:
    """Whether an answer has the first rows, and a cursor only if there are more."""
    return bool(answer["rows"] == rows[:_PAGE_ROWS]) and bool(answer.get("next_cursor")) == (len(rows) > _PAGE_ROWS)
