"""Jobs for which Redis has no memory, although all that may be freed is freed: they wait, give way, or fail."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import structlog

from autoconnect.broker import server, waits
from autoconnect.broker.connection import Client
from autoconnect.broker.server import Memory, Share
from autoconnect.broker.waits import Holding, OpenJob
from autoconnect.service import Throttle

log: structlog.stdlib.BoundLogger = structlog.get_logger()

#: Seconds for which memory must have been short before a job gives way to others: output buffers, a staged sum, and
#: what Redis frees in the background take memory for moments only.
_SPIKE_S = 5.0
#: Jobs that one tick fails at most.
_AT_ONCE = 100
#: Seconds between warnings while jobs wait.
_WARN_S = 60.0
#: Ids of jobs that a warning shows.
_SHOWN = 5
_REMEDY = "raise maxmemory of Redis, or remove what other programs keep in it"


@dataclass(frozen=True)
class Shortage:
    """What is known of the memory at one tick; open jobs are in the order of their creation.

    `needs` has, by job, the use of memory below which there is room for what it could not write. `passing_bytes` are
    used for a moment only, it seems: by buffers, and by what is being staged.
    """

    memory: Memory
    open_jobs: Sequence[OpenJob]
    needs: Mapping[str, int]
    passing_bytes: int

    @property
    def missing(self) -> int:
        """Bytes to free for all jobs to go on now."""
        return self._missing(self.memory)

    @property
    def missing_for_good(self) -> int:
        """Bytes to free for all jobs to go on in a moment."""
        return self._missing(replace(self.memory, used=self.memory.used - self.passing_bytes))

    @property
    def waiting(self) -> list[OpenJob]:
        """The jobs that wait for memory: all of them, if workers do not claim."""
        used, all_wait = self.memory.used, not self.memory.may_claim
        return [job for job in self.open_jobs if all_wait or used > self.needs.get(job.id, used)]

    def _missing(self, memory: Memory) -> int:
        for_needs = (memory.used - fits_below for fits_below in self.needs.values())
        return max([memory.missing(0, Share.CLAIM), *for_needs])


class Queue:
    """Lets jobs wait, the oldest for as long as MEMORY_WAIT_S."""

    def __init__(self, client: Client, memory_wait_s: int) -> None:
        self._client = client
        self._memory_wait_s = memory_wait_s
        self._warning = Throttle(_WARN_S)
        self._dropped_at = float("-inf")

    def end_waits(self, shortage: Shortage) -> None:
        """Let jobs go on for which there is memory again."""
        waiting = shortage.waiting
        for job in shortage.open_jobs:
            if job.waits_since and job not in waiting:
                waits.stop_waiting(self._client, job.id)

    def lasts(self, shortage: Shortage) -> bool:
        """Whether a job has waited for too long for memory to be short for a moment only."""
        return max(self._waited_ms(shortage).values(), default=0) >= 1_000 * _SPIKE_S

    def tick(self, shortage: Shortage) -> None:
        """Let jobs wait that lack memory, and fail those that must not."""
        for job in shortage.waiting:
            if not job.waits_since:
                waits.wait_for_memory(self._client, job.id)
        if shortage.waiting and self._warning.is_due():
            self._warn(shortage)
        if self._fail_impossible(shortage):
            return
        holdings = waits.read_holdings(self._client, [job.id for job in shortage.open_jobs])
        # The jobs that hold memory of Redis, or need it to go on.
        holders = [job for job in shortage.open_jobs if any(holdings[job.id]) or job.id in shortage.needs]
        if not self._fail_newest(shortage, holders, holdings):
            self._fail_expired(shortage, holders)

    def _fail_impossible(self, shortage: Shortage) -> bool:
        """Fail the jobs for which not even an empty Redis has room."""
        reason = (
            f"The job needs more memory than Redis has ({shortage.memory.maximum:,} bytes): raise maxmemory of Redis, "
            "or lower AUTOCONNECT_MAX_CELLS to fail such jobs early."
        )
        impossible = [job for job in shortage.waiting if shortage.needs.get(job.id, 1) <= 0]
        return sum(self._fail(job, reason) for job in impossible) > 0

    def _fail_newest(self, shortage: Shortage, holders: list[OpenJob], holdings: Mapping[str, Holding]) -> bool:
        """Fail the newest of several holders, unless memory has become short just now or partials become one."""
        will_be_compacted = any(holdings[job.id].partials > 1 and job.id not in shortage.needs for job in holders)
        if not self.lasts(shortage) or len(holders) < 2 or will_be_compacted:
            return False
        return self._fail(
            holders[-1],
            f"Redis has no memory for all jobs ({_use(shortage)}), so this one gave way to older ones: retry it when "
            f"they have ended, or {_REMEDY}.",
        )

    def _fail_expired(self, shortage: Shortage, holders: list[OpenJob]) -> None:
        """Fail the newest job that holds memory and has waited for MEMORY_WAIT_S, or all such jobs that hold none."""
        limit_ms = 1_000 * self._memory_wait_s
        waited_ms = self._waited_ms(shortage)
        expired = [job for job in shortage.waiting if waited_ms.get(job.id, 0) >= limit_ms]
        reason = (
            f"The job has waited {self._memory_wait_s:,} s for memory in Redis (AUTOCONNECT_MEMORY_WAIT_S): "
            f"{_use(shortage)}, and nothing else can be freed; {_REMEDY}, and retry the job."
        )
        if expired_holders := [job for job in holders if job in expired]:
            self._fail(expired_holders[-1], reason, limit_ms)
        elif time.monotonic() - self._dropped_at >= _SPIKE_S:  # the last job has freed all that it held
            for job in expired[:_AT_ONCE]:
                self._fail(job, reason, limit_ms)

    def _fail(self, job: OpenJob, reason: str, least_wait_ms: int = 0) -> bool:
        failed = waits.fail_for_memory(self._client, job.id, reason, least_wait_ms)
        if failed:
            self._dropped_at = time.monotonic()
        return failed

    def _waited_ms(self, shortage: Shortage) -> dict[str, int]:
        since = {job.id: job.waits_since for job in shortage.waiting if job.waits_since}
        now_ms = server.time_ms(self._client) if since else 0
        return {job_id: now_ms - waits_since for job_id, waits_since in since.items()}

    def _warn(self, shortage: Shortage) -> None:
        log.warning(
            "jobs wait for memory of Redis",
            jobs=len(shortage.waiting),
            first=[job.id for job in shortage.waiting[:_SHOWN]],
            used_bytes=shortage.memory.used,
            maximum_bytes=shortage.memory.maximum,
            missing_bytes=shortage.missing,
            remedy=_REMEDY,
        )


def _use(shortage: Shortage) -> str:
    return f"{shortage.memory.used:,} of {shortage.memory.maximum:,} bytes are in use"
