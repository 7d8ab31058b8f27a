"""Bodies of requests and answers that only the API has; shared models are in autoconnect.models."""

from datetime import datetime
from typing import Generic, TypeVar

from fastapi.openapi.models import Example
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from api.dialects import GivenDialect
from autoconnect.models import MAX_SOURCE_BYTES, Job, SourceName

Item = TypeVar("Item")

#: Characters of a note's message in a list of jobs, and in events.
_MAX_MESSAGE = 200


def shortened(job: Job) -> Job:
    """A job for a list of up to 1,000, or for an event: a note may have 32 KiB."""
    notes = [note.model_copy(update={"message": _shortened_message(note.message)}) for note in job.notes]
    return job.model_copy(update={"notes": notes})


def _shortened_message(message: str) -> str:
    return message if len(message) <= _MAX_MESSAGE else f"{message[:_MAX_MESSAGE]} ..."


class Items(BaseModel, Generic[Item]):
    """A page of a list; pass `next_cursor` as `cursor` to get the next page."""

    items: list[Item]
    next_cursor: str | None = None


class Rejects(Items[Item], Generic[Item]):
    """A page of rejected rows."""

    truncated: bool = Field(description="Whether the job rejected more rows than the 10,000 that are kept.")


class JobRequest(BaseModel):
    """A new job; its source defaults to the one that the stack was started with."""

    model_config = ConfigDict(extra="forbid")

    source: SourceName | None = Field(
        default=None,
        description=f"At most {MAX_SOURCE_BYTES} bytes in UTF-8.",
        examples=["transactions_autoconnect.csv"],
    )
    dialect: GivenDialect | None = Field(
        default=None,
        description="How the source is written, as far as it is not to be judged from its content.",
    )
    publish: StrictBool = Field(
        default=True,
        description="Whether its result is published when the job completes; `/publish` can also do so later.",
    )


#: Examples of new jobs.
JOB_REQUESTS: dict[str, Example] = {
    "source": {"summary": "Run a source", "value": {"source": "transactions_autoconnect.csv"}},
    "dialect": {
        "summary": "Say how it is written",
        "value": {
            "source": "june.csv",
            "dialect": {"dates": "dmy", "decimal": ",", "columns": {"price": "Montant TTC"}},
        },
    },
    "unpublished": {"summary": "Do not publish its result", "value": {"source": "june.csv", "publish": False}},
}


class SourceInfo(BaseModel):
    """A file that a job can read."""

    name: str
    bytes: int
    modified_at: datetime | None = Field(description="Null if the file system has a time outside the years 1 to 9999.")
    uploaded: bool = Field(description="Whether the file was uploaded; only uploaded files can be deleted.")


_SPELLINGS = "Transactions by spelling, if there are several that count as this name; else empty."


class CityCount(BaseModel):
    """A city and its number of transactions."""

    city: str
    transactions: int
    spellings: dict[str, int] = Field(description=_SPELLINGS)


class ModelCount(BaseModel):
    """A model and its number of transactions."""

    model: str
    transactions: int
    spellings: dict[str, int] = Field(description=_SPELLINGS)


class ColumnInfo(BaseModel):
    """A column of a metric."""

    name: str
    unit: str


class MetricInfo(BaseModel):
    """An entry of the catalogue of metrics."""

    name: str
    definition: str
    columns: list[ColumnInfo]
    options: dict[str, int | str | None] = Field(description="Parameters besides the filters, with their defaults.")


class MetricAnswer(BaseModel):
    """A metric or roll-up as a table. Money, percentages and averages are exact decimal numbers."""

    metric: str
    job_id: str
    computed_at: datetime
    complete: bool
    filters: dict[str, str | int | list[str]]
    next_cursor: str | None = Field(None, description="If there are more rows: pass it as `cursor` to get them.")
    columns: list[str]
    rows: list[dict[str, str | int | float | None]]
    note: str | None = None


class MemoryInfo(BaseModel):
    """The memory of Redis, and up to where it may be filled by what."""

    used_bytes: int
    maximum_bytes: int | None = Field(description="maxmemory; null: Redis has no limit.")
    claim_bytes: int | None = Field(description="Above it workers claim no batches; null without a limit.")
    commit_bytes: int | None = Field(description="Above it workers commit nothing; null without a limit.")


class SystemInfo(BaseModel):
    """The version, the lease, how long the oldest batch has waited, and the memory of Redis."""

    version: str
    lease_ms: int = Field(description="Milliseconds without a sign of life after which a worker counts as dead.")
    oldest_wait_s: float | None = Field(
        description="Seconds since the oldest plan with a batch that no worker has claimed; null if no batch waits."
    )
    memory: MemoryInfo


class Health(BaseModel):
    """The state of the API."""

    status: str
