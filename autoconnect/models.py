"""Jobs, batches, workers and queues as REST and the CLI show them."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema

#: Path below which the API serves everything but pages, health and its description.
API_PREFIX = "/api/v1"
#: Bytes of a source's name in UTF-8: file systems allow no more.
MAX_SOURCE_BYTES = 255


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


class ResultState(StrEnum):
    """Whether the result of a completed job can be read: it may have been removed, or have expired."""

    AVAILABLE = "available"
    REMOVED = "removed"
    EXPIRED = "expired"


def check_source_name(name: str) -> str:
    """Return the name of a source; raise ValueError if it is too long, or has half of a surrogate pair."""
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        raise ValueError("the name is not valid Unicode; expected one that can be written in UTF-8") from None
    if length > MAX_SOURCE_BYTES:
        raise ValueError(f"the name has {length:,} bytes; expected at most {MAX_SOURCE_BYTES}")
    return name


#: The name of a source, wherever one comes in.
SourceName = Annotated[
    str, AfterValidator(check_source_name), WithJsonSchema({"type": "string", "maxLength": MAX_SOURCE_BYTES})
]


#: An amount of money, a number in JSON.
Amount = Annotated[
    Decimal,
    PlainSerializer(float, return_type=float, when_used="json"),
    WithJsonSchema({"type": "number"}),
]


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


class JobDialect(_Model):
    """How a source is written: the parts that were judged, and those that were given."""

    encoding: str
    line_end: str
    delimiter: str
    header: int = Field(description="Line of the header; the first of the file is 1.")
    surplus: int = Field(description="Empty fields that rows have beyond those of the header.")
    decimal: str | None = Field(description="Null if no amount has a mark.")
    currency: str | None = Field(description="Null if the source names none.")
    dates: str = Field(description="Order of day, month and year.")
    columns: dict[str, str] = Field(
        description="The name in the header of each used column, or `=text` for a text that stands in every row."
    )
    types: dict[str, str] = Field(description="Further words for `vente` and `location`.")


class JobNote(_Model):
    """What a user should know of a source that could be read."""

    code: str
    message: str
    count: int
    line: int | None = Field(description="The first line in the file; null if there is none.")


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
    dialect: JobDialect | None = Field(description="How the source is written; null until the job is planned.")
    notes: list[JobNote] = Field(description="What planning notes; once the job has ended, what its rows add, too.")
    bytes: ByteCounts
    progress: float = Field(ge=0, le=1)
    rows_per_s: float | None
    eta_s: float | None
    published: bool = Field(description="Whether its result is the published one, which is served by default.")
    result: ResultState | None = Field(
        description="Whether its result can be read; null if there is none: the job is open, failed or cancelled."
    )
    waits_for: str | None = Field(description="What the job waits for, such as memory; null if it waits for nothing.")
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

    @property
    def is_open(self) -> bool:
        """Whether the batch still needs doing."""
        return self.state in (BatchState.WAITING, BatchState.CLAIMED)


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
    column: str | None = Field(description="The name of the column at fault; null if it is the row as a whole.")
    value: str = Field(description="What is at fault, cut at 80 characters.")
    expected: str = Field(description="What was expected instead.")
    raw: str = Field(description="The line, cut at 500 characters.")


class CheckedColumn(_Model):
    """A column of a source's header."""

    name: str
    meaning: str | None = Field(description="Null if its name is not known.")
    used: bool


class CheckedRow(_Model):
    """A row as it is read."""

    line: int
    date: str = Field(description="YYYY-MM-DD.")
    city: str
    type: str
    model: str
    price: Amount
    duration: int | None = Field(description="Months of a rental; null if it has none.")
    cost: Amount | None


class SourceCheck(_Model):
    """How a source would be read, from a sample of it."""

    source: str
    dialect: JobDialect
    evidence: dict[str, str] = Field(description="For each part of the dialect, what decided it.")
    columns: list[CheckedColumn]
    rows: list[CheckedRow] = Field(description="The first 20 accepted rows.")
    rejects: list[RejectedRow] = Field(description="The first 20 rejected rows among the first 1,000 rows.")
    notes: list[JobNote]
