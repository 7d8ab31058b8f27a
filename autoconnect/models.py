"""Jobs, batches, workers and queues as REST and the CLI show them."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

#: Path below which the API serves everything but pages, health and its description.
API_PREFIX = "/api/v1"


class JobStatus(StrEnum):
    """The status of a job; it ends as completed, failed or cancelled."""

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
    """Batches of a job; `retried` counts how many times one was given back or reclaimed."""

    total: int
    done: int
    retried: int
    dead: int


class RowCounts(_Model):
    """Rows of a job: read = accepted + rejected."""

    read: int
    accepted: int
    rejected: int


class ByteCounts(_Model):
    """Bytes of a job's batches: in total, and of those that are done."""

    total: int
    done: int


class Job(_Model):
    """A job: turns one source into metrics."""

    id: str
    status: JobStatus
    source: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    duration_s: float | None = Field(description="Seconds from its start to its end, or until now.")
    batches: BatchCounts
    rows: RowCounts
    rejected_by_reason: dict[str, int]
    bytes: ByteCounts
    progress: float = Field(ge=0, le=1)
    rows_per_s: float | None
    eta_s: float | None
    error: str | None = Field(description="Why the job failed, in one sentence.")


class BatchState(StrEnum):
    """The state of a batch; open batches of a job that is cancelled or fails are `dropped`."""

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
    attempts: int = Field(description="Number of times that mapping the batch failed.")
    deaths: int = Field(description="Number of times that its worker died.")
    worker: str | None = Field(None, description="The worker that has claimed the batch, or was the last to claim it.")
    backup: str | None = Field(None, description="The worker that maps the batch, too, because the first one is slow.")
    error: str | None = None


class Worker(_Model):
    """A live worker: its heartbeat exists."""

    id: str
    host: str
    pid: int
    started_at: datetime
    lease_ms_left: int
    working_on: list[str] = Field(description="Items of its claimed list, as job:generation:batch.")


class Queue(_Model):
    """A queue and the number of its items."""

    queue: str
    depth: int


class RejectedRow(_Model):
    """A rejected row and the reason."""

    file: str
    line: int = Field(description="Line in the file; the header is line 1.")
    reason: str
    raw: str = Field(description="The line, cut at 500 characters.")
