"""The jobs that run while faults strike: submitted, watched, and compared when they end."""

import time
from collections import Counter
from collections.abc import Sequence
from queue import Empty, SimpleQueue
from random import Random

from autoconnect.broker import jobs
from autoconnect.broker.connection import Client
from autoconnect.errors import BrokerUnavailable
from autoconnect.models import Job, JobStatus
from tests.chaos.checks import misplaced_batches, wrong_result
from tests.chaos.sources import Source

_RUN_AT_ONCE = 3
_TTL_S = 3_600


class Jobs:
    """All but the two wishes are for one thread alone."""

    def __init__(self, client: Client, sources: Sequence[Source], seed: int, complaints: list[str]) -> None:
        self.counts: Counter[str] = Counter()
        self._client = client
        self._complaints = complaints
        self._sources = sources
        self._random = Random(f"{seed} jobs")
        self._open: dict[str, Source] = {}
        self._cancelled: set[str] = set()
        self._number = 0
        self._wishes: SimpleQueue[int] = SimpleQueue()

    @property
    def open(self) -> list[str]:
        return list(self._open)

    def wish_cancel(self) -> None:
        """The newest job is to be cancelled soon."""
        self._wishes.put(0)

    def wish_more(self, count: int) -> None:
        """So many jobs are to be submitted at once."""
        self._wishes.put(count)

    def step(self) -> None:
        """Submits, watches and compares, as far as Redis answers."""
        try:
            self._fulfil_wishes()
            for _ in range(_RUN_AT_ONCE - len(self._open)):
                self.submit(self._random.choice(self._sources))
            self.watch()
        except BrokerUnavailable:
            self.counts["steps without Redis"] += 1

    def submit(self, source: Source) -> str:
        """Submits a job, which is expected to end well."""
        self._number += 1
        job_id = f"chaos{self._number:05}"
        self._open[job_id] = source
        jobs.create_job(self._client, source.name, _TTL_S, job_id)
        self.counts["submitted"] += 1
        return job_id

    def watch(self) -> None:
        """Looks at all open jobs once."""
        for job_id, source in list(self._open.items()):
            job = jobs.read_job(self._client, job_id)
            if job is None:  # its submission was not heard of, or Redis has come back without it
                jobs.create_job(self._client, source.name, _TTL_S, job_id)
                self.counts["submitted again"] += 1
            elif job.status.ended:
                self._judge(job, source)
            elif job_id in self._cancelled:
                jobs.end_job(self._client, job_id, JobStatus.CANCELLED)
            else:
                self._complaints += misplaced_batches(self._client, job_id)
                self.counts["looks at places"] += 1

    def settle(self, timeout_s: float) -> bool:
        """Waits for the end of all jobs; False where one hangs."""
        deadline = time.monotonic() + timeout_s
        while self._open and time.monotonic() < deadline:
            self.watch()
            time.sleep(0.02)
        return not self._open

    def _fulfil_wishes(self) -> None:
        while True:
            try:
                count = self._wishes.get_nowait()
            except Empty:
                return
            for _ in range(count):
                self.submit(self._random.choice(self._sources))
            if count == 0 and self._open:
                self._cancelled.add(list(self._open)[-1])

    def _judge(self, job: Job, source: Source) -> None:
        del self._open[job.id]
        self.counts[job.status] += 1
        self.counts["batches"] += job.batches.done
        self.counts["retried"] += job.batches.retried
        if job.status is JobStatus.COMPLETED:
            self._complaints += wrong_result(self._client, job, source)
        elif job.status is JobStatus.FAILED or job.id not in self._cancelled:
            self._complaints.append(f"{job.id} of {source.name} is {job.status}: {job.error}")
