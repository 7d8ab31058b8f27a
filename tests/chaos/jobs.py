"""The jobs that run while faults strike: submitted, watched, and compared with the oracle when they end."""

import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from queue import Empty, SimpleQueue
from random import Random

from autoconnect.broker import batches, jobs, workers
from autoconnect.broker.connection import Client
from autoconnect.broker.keys import BatchId
from autoconnect.errors import BrokerUnavailable
from autoconnect.models import Job, JobStatus
from tests.chaos.checks import misplaced_batches, wrong_result
from tests.chaos.sources import Source

_RUN_AT_ONCE = 3
#: Seconds that results are kept: few enough that a long run does not fill Redis, more than any fault or clock jump.
_TTL_S = 600
#: A job of this many batches takes long enough for a small one to end before it.
_MANY_BATCHES = 100
#: The reason of failures that the run itself causes.
_REASON = "chaos"


class Jobs:
    """The jobs of a run, for one thread alone; other threads only add to `faults`: kind and number of each."""

    def __init__(self, client: Client, sources: Sequence[Source], seed: int, complaints: list[str]) -> None:
        self.faults: SimpleQueue[tuple[str, int]] = SimpleQueue()
        self.counts: Counter[str] = Counter()
        self._client = client
        self._complaints = complaints
        self._sources = sources
        self._random = Random(f"{seed} jobs")
        self._open: dict[str, Source] = {}
        self._cancelled: set[str] = set()
        self._ended: dict[str, tuple[Source, Job]] = {}
        self._failures: set[tuple[str, datetime | None]] = set()

    @property
    def open(self) -> list[str]:
        return list(self._open)

    def step(self) -> None:
        """Submit, watch and compare jobs, as far as Redis answers."""
        try:
            self._apply_faults()
            for _ in range(_RUN_AT_ONCE - len(self._open)):
                self._submit(self._random.choice(self._sources))
            self._watch()
        except BrokerUnavailable:
            self.counts["steps without Redis"] += 1

    def settle(self, timeout_s: float) -> bool:
        """Wait for the end of all jobs; returns False if none makes progress for `timeout_s`."""
        self._open_again()
        progress, deadline = self._progress(), time.monotonic() + timeout_s
        while self._open and time.monotonic() < deadline:
            self._watch()
            if (now := self._progress()) != progress:
                progress, deadline = now, time.monotonic() + timeout_s
            time.sleep(0.02)
        return not self._open

    def try_fairness(self, timeout_s: float) -> bool:
        """Whether a large job and a small one submitted in its middle end; complains if the small one ends last."""
        by_size = sorted(self._sources, key=lambda source: source.size)
        large = self._submit(by_size[-1])
        while (job := jobs.read_job(self._client, large)) and not job.batches.done:
            time.sleep(0.005)
        small = self._submit(by_size[0])
        if not self.settle(timeout_s):
            return False
        first, last = jobs.read_job(self._client, small), jobs.read_job(self._client, large)
        if first and last and first.finished_at and last.finished_at and last.batches.total >= _MANY_BATCHES:
            self.counts["fairness tried"] += 1
            if first.finished_at > last.finished_at:
                self._complaints.append(f"the small {small} waited for the end of {large}: {first} {last}")
        return True

    def _progress(self) -> list[tuple[JobStatus, int] | None]:
        """Status and number of done batches of all open jobs."""
        open_jobs = [jobs.read_job(self._client, job_id) for job_id in self._open]
        return [(job.status, job.batches.done) if job else None for job in open_jobs]

    def _submit(self, source: Source) -> str:
        self.counts["submitted"] += 1
        job_id = f"chaos{self.counts['submitted']:05}"
        self._open[job_id] = source
        jobs.create_job(self._client, source.name, _TTL_S, job_id)
        return job_id

    def _watch(self) -> None:
        """Look at all open jobs once."""
        for job_id, source in list(self._open.items()):
            job = jobs.read_job(self._client, job_id)
            if job is None:  # its submission did not reach Redis, or Redis has come back without it
                jobs.create_job(self._client, source.name, _TTL_S, job_id)
                self.counts["submitted again"] += 1
            elif job.error and job.error.endswith(_REASON):
                self._retry(job)
            elif job.status.ended:
                self._judge(job, source)
            elif job_id in self._cancelled:
                jobs.end_job(self._client, job_id, JobStatus.CANCELLED)
            else:
                self._complaints += misplaced_batches(self._client, job_id)
                self.counts["checks of lists"] += 1

    def _judge(self, job: Job, source: Source) -> None:
        if job.status is JobStatus.COMPLETED:
            self._complaints += wrong_result(self._client, job, source)
        elif job.status is JobStatus.FAILED or job.id not in self._cancelled:
            self._complaints.append(f"{job.id} of {source.name} is {job.status}: {job.error}")
        del self._open[job.id]
        self._ended[job.id] = source, job
        self.counts[job.status] += 1
        self.counts["batches"] += job.batches.done

    def _open_again(self) -> None:
        """Watch jobs again whose end was lost in a power cut: they end once more, maybe with another status."""
        for job_id, (source, ended) in self._ended.items():
            job = jobs.read_job(self._client, job_id)
            if job is None or job.status is not ended.status:
                self._open[job_id] = source
                self.counts[ended.status] -= 1
                self.counts["batches"] -= ended.batches.done
                self.counts["opened again"] += 1
        self._ended.clear()

    def _retry(self, job: Job) -> None:
        self._failures.add((job.id, job.finished_at))
        self.counts[job.status] = len(self._failures)
        jobs.retry_job(self._client, job.id)

    def _apply_faults(self) -> None:
        while True:
            try:
                kind, number = self.faults.get_nowait()
            except Empty:
                return
            match kind:
                case "burst":
                    for _ in range(number):
                        self._submit(self._random.choice(self._sources))
                case "cancel":
                    self._cancelled.update(list(self._open)[-1:])
                case "fail":
                    self._make_fail()

    def _make_fail(self) -> None:
        """Make one batch dead, as if its last attempt had failed with an exception."""
        for worker in workers.live_workers(self._client):
            for item in map(BatchId.parse, worker.working_on):
                if item.job in self._open:
                    batches.give_back_batch(self._client, worker.id, item, max_attempts=1, reason=_REASON)
                    return
