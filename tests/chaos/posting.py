"""A client that posts a job, and after a power cut that lost it posts again under the same key, for another file."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import httpx2

from autoconnect.models import API_PREFIX
from tests.chaos.answers import answer
from tests.chaos.redis_server import RedisServer
from tests.chaos.sources import Source, make_another
from tests.e2e.waiting import wait_until

#: Seconds that a call, and a job of a few batches, may take.
_TIMEOUT_S = 120.0


class Client:
    """Posts to one of several APIs, and reads from all of them."""

    def __init__(self, urls: Sequence[str], folder: Path, seed: int) -> None:
        self._urls = [f"{url}{API_PREFIX}" for url in urls]
        self._folder = folder
        self._random = Random(f"{seed} client")
        self._posts = 0

    def post_twice(self, redis: RedisServer) -> tuple[Source, list[str]]:
        """Post, read, lose the job, post and read again; returns the last file, and the complaints."""
        self._posts += 1
        key, name = f"key {self._posts}", f"first-{self._posts}.csv"
        other_name = self._random.choice([name, f"second-{self._posts}.csv"])
        mark = redis.mark()
        first = make_another(self._folder, name, self._random)
        job_id = self._run(first, key)
        complaints = self._wrong_answers(first, job_id)
        second = make_another(self._folder, other_name, self._random)
        if not redis.set_back(mark):
            return first, complaints
        again_id = self._run(second, key)
        if again_id != job_id:
            complaints.append(f"{key!r} was job {job_id}, and is job {again_id} after a power cut")
        return second, complaints + self._wrong_answers(second, job_id)

    def _run(self, source: Source, key: str) -> str:
        """Post a job, wait for its end and return its id."""
        job = wait_until(f"a job for {source.name} to be accepted", partial(self._post, source, key), _TIMEOUT_S)
        job_id = str(job["id"])
        wait_until(f"the end of {job_id}", partial(self._is_completed, job_id), _TIMEOUT_S)
        return job_id

    def _post(self, source: Source, key: str) -> Any:
        url, headers = f"{self._random.choice(self._urls)}/jobs", {"Idempotency-Key": key}
        body = {"source": source.name}
        return answer(partial(httpx2.post, url, json=body, headers=headers, timeout=_TIMEOUT_S))

    def _is_completed(self, job_id: str) -> bool:
        job = self._read(self._urls[0], f"jobs/{job_id}")
        assert job is None or job["status"] not in ("failed", "cancelled"), job
        return job is not None and job["status"] == "completed"

    def _wrong_answers(self, source: Source, job_id: str) -> list[str]:
        """The answers of each API that are not those of the file, for the job and for the published result."""
        complaints = []
        for url in self._urls:
            for path, rows in source.answers.items():
                for parameter in ("", f"{'&' if '?' in path else '?'}job={job_id}"):
                    question = f"{path}{parameter}"
                    answer = wait_until(question, partial(self._read, url, question), _TIMEOUT_S)
                    if (answer["job_id"], answer["rows"]) != (job_id, rows):
                        found = f"{answer['job_id']}: {answer['rows'][:1]}"
                        complaints.append(f"{question} answers {found}, expected {job_id} of {source.name}")
        return complaints

    def _read(self, url: str, path: str) -> Any:
        return answer(partial(httpx2.get, f"{url}/{path}", timeout=_TIMEOUT_S))
