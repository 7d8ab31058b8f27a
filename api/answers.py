"""The shapes of answers that are not models of the product itself."""

from datetime import datetime
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

Item = TypeVar("Item")


class Items(BaseModel, Generic[Item]):
    """A page of a list; `next_cursor` leads to the next one."""

    items: list[Item]
    next_cursor: str | None = None


class Rejects(Items[Item], Generic[Item]):
    """A page of rejected rows."""

    truncated: bool = Field(description="Whether there are more rejected rows than the 10,000 that are kept.")


class JobRequest(BaseModel):
    """What to run; without a source, the one that the stack was started with."""

    model_config = ConfigDict(extra="forbid")

    source: str | None = Field(None, max_length=4_096, examples=["transactions_autoconnect.csv"])


class SourceInfo(BaseModel):
    """A CSV that a job can read."""

    name: str
    bytes: int
    modified_at: datetime
    uploaded: bool = Field(description="Whether it was uploaded, and can be deleted.")


class CityCount(BaseModel):
    """A city and its transactions."""

    city: str
    transactions: int


class ModelCount(BaseModel):
    """A model and its transactions."""

    model: str
    transactions: int


class ColumnInfo(BaseModel):
    """A column of a metric."""

    name: str
    unit: str


class MetricInfo(BaseModel):
    """An entry of the catalogue."""

    name: str
    definition: str
    columns: list[ColumnInfo]
    options: dict[str, int] = Field(description="Parameters besides the filters, with their defaults.")


class MetricAnswer(BaseModel):
    """A tidy table. Money, percentages and averages are exact decimal numbers."""

    metric: str
    job_id: str
    computed_at: datetime
    complete: bool
    filters: dict[str, str | int | list[str]]
    columns: list[str]
    rows: list[dict[str, str | int | float | None]]
    note: str | None = None


class Health(BaseModel):
    """How the API is."""

    status: str
