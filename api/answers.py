"""Bodies of requests and answers that only the API has; shared models are in autoconnect.models."""

from datetime import datetime
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

Item = TypeVar("Item")


class Items(BaseModel, Generic[Item]):
    """A page of a list; pass `next_cursor` as `cursor` to get the next page."""

    items: list[Item]
    next_cursor: str | None = None


class Rejects(Items[Item], Generic[Item]):
    """A page of rejected rows."""

    truncated: bool = Field(description="Whether the job rejected more rows than the 10,000 that are kept.")


class JobRequest(BaseModel):
    """The source of a new job; defaults to the source that the stack was started with."""

    model_config = ConfigDict(extra="forbid")

    source: str | None = Field(None, max_length=4_096, examples=["transactions_autoconnect.csv"])


class SourceInfo(BaseModel):
    """A file that a job can read."""

    name: str
    bytes: int
    modified_at: datetime
    uploaded: bool = Field(description="Whether the file was uploaded; only uploaded files can be deleted.")


class CityCount(BaseModel):
    """A city and its number of transactions."""

    city: str
    transactions: int


class ModelCount(BaseModel):
    """A model and its number of transactions."""

    model: str
    transactions: int


class ColumnInfo(BaseModel):
    """A column of a metric."""

    name: str
    unit: str


class MetricInfo(BaseModel):
    """An entry of the catalogue of metrics."""

    name: str
    definition: str
    columns: list[ColumnInfo]
    options: dict[str, int] = Field(description="Parameters besides the filters, with their defaults.")


class MetricAnswer(BaseModel):
    """A metric or roll-up as a table. Money, percentages and averages are exact decimal numbers."""

    metric: str
    job_id: str
    computed_at: datetime
    complete: bool
    filters: dict[str, str | int | list[str]]
    columns: list[str]
    rows: list[dict[str, str | int | float | None]]
    note: str | None = None


class Health(BaseModel):
    """The state of the API."""

    status: str
