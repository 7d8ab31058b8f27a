"""The jobs that run while faults strike: submitted, watched, and compared with the oracle when they end."""

import re
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from queue import Empty, SimpleQueue
from random import Random

from autoconnect.broker import batches, jobs, workers
from autoconnect.broker.connection import Client
from autoconnect.broker.keys import BatchId, JobKeys
from autoconnect.errors import BrokerUnavailable
from autoconnect.models import Job, JobStatus
from tests.chaos.checks import misplaced_batches, wrong_result
from tests.chaos.redis_server import RedisServer
from tests.chaos.report import MEMORY_REASON
from tests.chaos.sources import Source

_RUN_AT_ONCE = 3
#: Seconds that results are kept: few enough that a long run does not fill Redis, more than a round and a clock jump.
_TTL_S = 300
#: Seconds that the results of some jobs are kept: they expire while they are read.
_SHORT_TTLS_S = (1, 2, 5, 15)
_SHORT_SHARE = 0.3
#: Ended jobs that are read.
_RECENT = 30
#: A job of this many batches takes long enough for a small one to end before it.
_MANY_BATCHES = 100
#: A small job that ends within this time has not waited for a large one, which may have been about to end; a worker
#: maps batches of one job for up to a second.
_PROMPTLY = timedelta(seconds=1.5)
#: The reason of failures that the run itself causes.
_REASON = "chaos"


class Jobs:
    """The jobs of a run, for one thread alone; other threads only add to `faults`: kind and number of each."""

    def __init__(
        self, client: Client, redis: RedisServer, sources: Sequence[Source], seed: int, complaints: list[str]
    ) -> None:
        self.faults: SimpleQueue[tuple[str, int]] = SimpleQueue()
        self.counts: Counter[str] = Counter()
        #: Ids of jobs that ended a short time ago; replaced as a whole, because another thread reads it.
        self.recent: tuple[str, ...] = ()
        #: Jobs that may have ended without being seen, since they were kept for a short time.
        self.unseen = 0
        self._client = client
        self._redis = redis
        self._complaints = complaints
        self._sources = sources
        self._random = Random(f"{seed} jobs")
        self._by_name = {source.name: source for source in sources}
        self._open: list[str] = []
        self._ttls_s: dict[str, int] = {}
        self._removed: set[str] = set()
        self._cancelled: set[str] = set()
        self._ended: dict[str, Job] = {}
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
        """Whether a large job and a small one submitted in its middle end; complains if the small one waits for it."""
        by_size = sorted(self._sources, key=lambda source: source.size)
        large = self._submit(by_size[-1])
        while (job := jobs.read_job(self._client, large)) and not job.batches.done:
            time.sleep(0.005)
        small = self._submit(by_size[0])
        if not self.settle(timeout_s):
            return False
        first, last = jobs.read_job(self._client, small), jobs.read_job(self._client, large)
        if not (first and last and last.batches.total >= _MANY_BATCHES):
            return True
        if first.finished_at and last.finished_at:
            self.counts["fairness tried"] += 1
            if first.finished_at > max(last.finished_at, first.created_at + _PROMPTLY):
                self._complaints.append(f"the small {small} waited for the end of {large}: {first} {last}")
        return True

    def _progress(self) -> list[tuple[JobStatus, int] | None]:
        """Status and number of done batches of all open jobs."""
        open_jobs = [jobs.read_job(self._client, job_id) for job_id in self._open]
        return [(job.status, job.batches.done) if job else None for job in open_jobs]

    def _submit(self, source: Source) -> str:
        self.counts["submitted"] += 1
        job_id = f"chaos{self.counts['submitted']:05}"
        is_short = self._random.random() < _SHORT_SHARE
        self._ttls_s[job_id] = self._random.choice(_SHORT_TTLS_S) if is_short else _TTL_S
        self._create(job_id, source)
        return job_id

    def _create(self, job_id: str, source: Source) -> None:
        if job_id not in self._open:
            self._open.append(job_id)
        jobs.create_job(self._client, source.name, self._ttls_s[job_id], job_id)

    def _create_again(self, job_id: str) -> None:
        """Submit a job again that Redis does not have, under the same id, but maybe for another source."""
        self.counts["submitted again"] += 1
        self.unseen += self._is_short(job_id)
        self._create(job_id, self._random.choice(self._sources))

    def _is_short(self, job_id: str) -> bool:
        return self._ttls_s[job_id] != _TTL_S

    def _watch(self) -> None:
        """Look at all open jobs once."""
        for job_id in list(self._open):
            job = jobs.read_job(self._client, job_id)
            if job is None:  # its submission did not reach Redis, or Redis has come back without it, or it has expired
                self._create_again(job_id)
            elif self._may_fail(job):
                self._retry(job)
            elif job.status.ended:
                self._judge(job)
            elif job_id in self._cancelled:
                jobs.end_job(self._client, job_id, JobStatus.CANCELLED)
            else:
                self._complaints += misplaced_batches(self._client, job_id)
                self.counts["checks of lists"] += 1

    def _judge(self, job: Job) -> None:
        if job.status is JobStatus.COMPLETED:
            complaints = self._compare(job)
            if complaints is None:
                return
            self._complaints += complaints
        elif job.status is JobStatus.FAILED or job.id not in self._cancelled:
            self._complaints.append(f"{job.id} of {job.source} is {job.status}: {job.error}")
        self._open.remove(job.id)
        self._ended[job.id] = job
        self.recent = (*self.recent[-_RECENT:], job.id)
        self.counts[job.status] += 1
        self.counts["batches"] += job.batches.done

    def _compare(self, job: Job) -> list[str] | None:
        """What is wrong with a result; None if Redis has come back in an earlier state, so that the job ends again."""
        before = self._read(job.id)
        complaints = wrong_result(self._client, job, self._by_name[job.source])
        after = self._read(job.id)
        status, result, removed_at = after
        if before == after and result:
            return complaints
        if status is None and self._is_short(job.id):
            self.counts["expired before they were compared"] += 1
            return []
        if removed_at and self._redis.was_full(datetime.fromtimestamp(int(removed_at) / 1_000, UTC)):
            self.counts["removed before they were compared"] += 1
            return []
        return [f"{job.id} is completed, but has no result"] if before == after and status == b"completed" else None

    def _read(self, job_id: str) -> list[bytes | None]:
        """The status of a job, the version of its result, and the time at which that was removed."""
        fields: list[bytes | None] = self._client.call("HMGET", JobKeys(job_id).job, "status", "result", "removed_at")
        return fields

    def _open_again(self) -> None:
        """Watch jobs again whose end was lost in a power cut: they end once more, maybe with another status."""
        for job_id, ended in self._ended.items():
            job = jobs.read_job(self._client, job_id)
            if job is None and (self._is_short(job_id) or job_id in self._removed):
                continue
            if job is None or job.status is not ended.status:
                self._open.append(job_id)
                self.counts[ended.status] -= 1
                self.counts["batches"] -= ended.batches.done
                self.counts["opened again"] += 1
        self._ended.clear()

    def _may_fail(self, job: Job) -> bool:
        """Whether the run itself has made a job fail: one of its batches, or its memory."""
        if job.status is not JobStatus.FAILED or not job.error or not job.finished_at:
            return False
        is_for_memory = bool(re.search(MEMORY_REASON, job.error)) and self._redis.was_full(job.finished_at)
        self.counts["failed for memory"] += is_for_memory
        return is_for_memory or job.error.endswith(_REASON)

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
                case "remove" if self._ended:
                    self._remove(self._random.choice(list(self._ended)))
                case "publish" if self._ended:
                    job_id = self._random.choice(list(self._ended))
                    self.counts["published"] += jobs.publish_job(self._client, job_id)

    def _remove(self, job_id: str) -> None:
        self._removed.add(job_id)  # first, because a call may fail and still have removed it
        if jobs.remove_job(self._client, job_id):
            self.counts["removed"] += 1
        else:
            self._removed.discard(job_id)

    def _make_fail(self) -> None:
        """Make one batch dead, as if its last attempt had failed with an exception."""
        for worker in workers.live_workers(self._client):
            for item in map(BatchId.parse, worker.working_on):
                if item.job in self._open:
                    batches.give_back_batch(self._client, worker.id, item, max_attempts=1, reason=_REASON)
                    return
