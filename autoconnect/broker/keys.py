"""Every key in Redis. ID is a job's id, WORKER a worker's id, N a name that is never used again.

| key | type | meaning | life time |
|---|---|---|---|
| `autoconnect:ready` | list | batches that any worker may claim, at most two per live worker | lasting |
| `autoconnect:turns` | zset | names of `waiting` lists with batches, by the bytes handed out from them | lasting |
| `autoconnect:workers` | zset | names of the heartbeats ever registered, by the time they were last in use | lasting |
| `autoconnect:live` | string | number of live workers at the last tick or registration | lasting |
| `autoconnect:open` | set | ids of jobs that have not ended | lasting |
| `autoconnect:orchestrator` | list | ids of jobs that need the orchestrator | lasting |
| `autoconnect:aggregator` | list | ids of jobs that need the aggregator | lasting |
| `autoconnect:counters` | hash | totals of batches, jobs, rows and their durations, never reset | lasting |
| `autoconnect:jobs` | zset | names of all jobs' hashes, by their sequence number | lasting |
| `autoconnect:sequence` | string | sequence number of the newest job | lasting |
| `autoconnect:published` | hash | the published `job`, its `sequence`, its lasting `keys`, the last `call` | lasting |
| `autoconnect:ended` | zset | ids of ended jobs, by the time of their end | lasting |
| `autoconnect:results` | zset | ids of jobs that have a result, or rejects, by their sequence number | lasting |
| `autoconnect:retained` | zset | ids of failed jobs that keep partials for a retry, by their end | lasting |
| `autoconnect:staging` | zset | keys that are staged, by the time of their last piece | lasting |
| `autoconnect:worker:WORKER` | hash | a worker's heartbeat: the lease of everything it has claimed | LEASE_MS |
| `autoconnect:worker:WORKER:claimed` | list | batches that were handed out to a worker | until empty |
| `autoconnect:reducer:N` | string | the lease of a process that reduces jobs | LEASE_MS |
| `autoconnect:limits` | hash | memory limits of aggregators and apis, by process | a minute |
| `autoconnect:needs` | hash | the use of memory below which what a job could not write would fit, by job | a minute |
| `autoconnect:webhooks` | string | exists if webhooks are sent: then `outbox` gets one when a job ends | a day |
| `autoconnect:outbox` | zset | webhooks to send, as `job:finished_at:status`, by the time of the next try | a day |
| `autoconnect:sender` | list | an item if `outbox` has a webhook that no sender has seen | a day |
| `autoconnect:job:ID` | hash | status, dialect, plan, counters, notes and error of a job | published, or RESULT_TTL_S |
| `autoconnect:job:ID:batches` | hash | each batch's range and state, as JSON | published, or RESULT_TTL_S |
| `autoconnect:job:ID:waiting` | list | batches of a job that are not yet ready | end of job |
| `autoconnect:job:ID:lines` | hash | compressed lines of batches, with BATCH_TRANSPORT=inline | end of job |
| `autoconnect:job:ID:partials` | set | names of the job's partials | end of job, or an hour if the job can be retried |
| `autoconnect:job:ID:partial:N` | hash | a partial: a field per city, and `tally` | until compacted, or as `partials` |
| `autoconnect:job:ID:cube` | hash | the job's result: a field per city, and `tally` | published, or RESULT_TTL_S |
| `autoconnect:job:ID:metrics` | hash | each metric's unfiltered table, as JSON | published, or RESULT_TTL_S |
| `autoconnect:job:ID:rejects` | list | the first rejected rows, as JSON | published, or RESULT_TTL_S |
| `autoconnect:job:ID:events` | stream | the job's progress | RESULT_TTL_S after its end |
| `autoconnect:job:ID:staged:N:KIND` | hash or list | a part of a result that does not count yet | ten minutes |
| `autoconnect:job:ID:plan:N:batches` | hash | batches of a staged plan, which is not visible yet | an hour |
"""

import secrets
from dataclasses import dataclass
from typing import NamedTuple, Self

PREFIX = "autoconnect:"

READY = PREFIX + "ready"
TURNS = PREFIX + "turns"
WORKERS = PREFIX + "workers"
LIVE = PREFIX + "live"
OPEN = PREFIX + "open"
ORCHESTRATOR = PREFIX + "orchestrator"
AGGREGATOR = PREFIX + "aggregator"
COUNTERS = PREFIX + "counters"
JOBS = PREFIX + "jobs"
SEQUENCE = PREFIX + "sequence"
PUBLISHED = PREFIX + "published"

ENDED = PREFIX + "ended"
RESULTS = PREFIX + "results"
RETAINED = PREFIX + "retained"
STAGING = PREFIX + "staging"
LIMITS = PREFIX + "limits"
NEEDS = PREFIX + "needs"

WEBHOOKS = PREFIX + "webhooks"
OUTBOX = PREFIX + "outbox"
SENDER = PREFIX + "sender"

_QUEUES = (READY, TURNS, WORKERS, LIVE, OPEN, ORCHESTRATOR, AGGREGATOR, COUNTERS)
#: KEYS[1] to KEYS[15] of every script with the prelude.
SHARED = (*_QUEUES, JOBS, SEQUENCE, PUBLISHED, ENDED, RESULTS, RETAINED, STAGING)

_JOB = PREFIX + "job:"
_WORKER = PREFIX + "worker:"


@dataclass(frozen=True)
class JobKeys:
    """The keys of one job."""

    id: str

    @property
    def job(self) -> str:
        return _JOB + self.id

    @property
    def batches(self) -> str:
        return f"{self.job}:batches"

    @property
    def waiting(self) -> str:
        return f"{self.job}:waiting"

    @property
    def lines(self) -> str:
        return f"{self.job}:lines"

    @property
    def partials(self) -> str:
        return f"{self.job}:partials"

    @property
    def cube(self) -> str:
        return f"{self.job}:cube"

    @property
    def metrics(self) -> str:
        return f"{self.job}:metrics"

    @property
    def rejects(self) -> str:
        return f"{self.job}:rejects"

    @property
    def events(self) -> str:
        return f"{self.job}:events"

    def partial(self, name: str) -> str:
        return f"{self.job}:partial:{name}"

    def staged(self, name: str, kind: str) -> str:
        return f"{self.job}:staged:{name}:{kind}"

    def plan_batches(self, generation: int) -> str:
        return f"{self.job}:plan:{generation}:batches"

    def for_scripts(self) -> list[str]:
        """KEYS[1] to KEYS[24] of every script with the prelude that is about a job, as `prelude.lua` names them."""
        own = [self.job, self.batches, self.waiting, self.lines, self.partials, self.cube, self.metrics, self.rejects]
        return [*SHARED, *own, self.events]


class BatchId(NamedTuple):
    """An item of a list: the id of a batch of one plan of a job, as `job:generation:batch`."""

    job: str
    generation: int
    batch: int

    @classmethod
    def parse(cls, item: str) -> Self:
        job, generation, batch = item.split(":")
        return cls(job, int(generation), int(batch))

    def __str__(self) -> str:
        return f"{self.job}:{self.generation}:{self.batch}"


def job_keys(job_key: str) -> JobKeys:
    """The keys of a job, from that of its hash or any other one."""
    return JobKeys(job_key.removeprefix(_JOB).partition(":")[0])


def size_in(name: str) -> int:
    """The bytes of a partial or of something staged: they end its name."""
    size = name.rpartition(".")[2]
    return int(size) if size.isdecimal() else 0


def new_name() -> str:
    """A name that is never used again: of a job, a partial, a process, or a call that may be sent twice."""
    return secrets.token_hex(8)


def part_field(number: int) -> str:
    """The field of a job's hash that holds a part."""
    return f"part:{number}"


def heartbeat(worker: str) -> str:
    return _WORKER + worker


def claimed(worker: str) -> str:
    return f"{_WORKER}{worker}:claimed"


def reducer(name: str) -> str:
    return f"{PREFIX}reducer:{name}"


def worker_of(heartbeat_key: str) -> str:
    return heartbeat_key.removeprefix(_WORKER)
