"""The aggregator's loop: reduce jobs as partials come, small ones here and large ones in a child process."""

import time

from aggregator.budget import Budget
from aggregator.large import LargeJobs
from aggregator.reduction import Reducer
from autoconnect.broker import jobs, queues
from autoconnect.broker.connection import Client
from autoconnect.broker.judge import Judge
from autoconnect.errors import BrokerFull, BrokerUnavailable
from autoconnect.settings import Settings

#: Bytes of partials up to which a job is small: reducing them takes less than half a second.
SMALL_BYTES = 4 << 20


class Aggregator:
    """Its state comes from Redis: two aggregators, or a restart, do no harm."""

    def __init__(self, client: Client, blocking: Client, settings: Settings) -> None:
        self._client = client
        self._blocking = blocking
        self._settings = settings
        self._judge = Judge(client, settings.lease_ms)
        self._budget = Budget(client, settings)
        self._reducer = Reducer(client, settings)
        self._large = LargeJobs(client)
        self._next_tick = 0.0

    def round(self) -> None:
        """Wait for jobs with new partials, and reduce them; at every tick, reduce all open jobs."""
        try:
            self._round()
        except BrokerFull:
            raise
        except BrokerUnavailable:
            self._judge.note_absence()
            self._reducer.forget()
            raise

    def start(self) -> None:
        """Start the child process before it is needed."""
        self._large.start()

    def leave(self) -> None:
        """End the child process."""
        self._large.end()
        self._budget.leave()

    def _round(self) -> None:
        wait_ms = round(max(1_000 * (self._next_tick - time.monotonic()), 1))
        job_ids = queues.wait_for_aggregator_jobs(self._blocking, min(wait_ms, self._settings.block_ms))
        if time.monotonic() >= self._next_tick:
            self._next_tick = time.monotonic() + self._settings.heartbeat_ms / 1_000
            self._judge.tick()
            self._budget.tick()
            self._large.tick(may_judge=self._judge.may_judge)
            open_jobs = jobs.open_jobs(self._client)
            self._large.give_back(open_jobs)
            self._reducer.keep_only(open_jobs)
            job_ids.update(open_jobs)
        for job_id in job_ids:
            self._reduce(job_id)

    def _reduce(self, job_id: str) -> None:
        if job_id in self._large or not self._reducer.reduce(job_id, SMALL_BYTES, may_judge=self._judge.may_judge):
            self._large.submit(job_id)
