"""What the services tell the world of a job, its batches and the workers: the shapes of REST, and of the CLI."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class JobStatus(StrEnum):
    """Where a job stands. The last three are ends."""

    QUEUED = "queued"
    PLANNING = "planning"
    RUNNING = "running"
    REDUCING = "reducing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        return self in (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED)


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True)


class BatchCounts(_Model):
    """Batches of a job; `retried` counts how often one was given to another worker."""

    total: int
    done: int
    retried: int
    dead: int


class RowCounts(_Model):
    """Rows of a job; always read = accepted + rejected."""

    read: int
    accepted: int
    rejected: int


class ByteCounts(_Model):
    """Bytes of a job's source."""

    total: int
    done: int


class Job(_Model):
    """One source on its way to metrics."""

    id: str
    status: JobStatus
    source: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    duration_s: float | None = Field(description="From start to end, or until now.")
    batches: BatchCounts
    rows: RowCounts
    rejected_by_reason: dict[str, int]
    bytes: ByteCounts
    progress: float = Field(ge=0, le=1)
    rows_per_s: float | None
    eta_s: float | None
    error: str | None = Field(description="Why the job failed, in one sentence.")


class BatchState(StrEnum):
    """Where a batch stands; `dropped` ones belonged to a job that was cancelled or failed."""

    WAITING = "waiting"
    CLAIMED = "claimed"
    DONE = "done"
    DEAD = "dead"
    DROPPED = "dropped"


class Batch(_Model):
    """A byte range of a job's source."""

    batch: int
    state: BatchState
    offset: int
    length: int
    attempts: int = Field(description="How often mapping it failed.")
    deaths: int = Field(description="How often its worker died.")
    worker: str | None = Field(None, description="The worker that has it, or had it last.")
    backup: str | None = Field(None, description="The worker that does the same, as that one takes unusually long.")
    error: str | None = None


class Worker(_Model):
    """A worker whose heartbeat is there."""

    id: str
    host: str
    pid: int
    started_at: datetime
    lease_ms_left: int
    working_on: list[str] = Field(description="Batches claimed, as job:generation:batch.")


class Queue(_Model):
    """A list of the queue and its depth."""

    queue: str
    depth: int


class RejectedRow(_Model):
    """A row that was not counted, and why."""

    file: str
    line: int = Field(description="Line in the file; the header is line 1.")
    reason: str
    raw: str = Field(description="The line, cut at 500 characters.")
