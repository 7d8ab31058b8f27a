"""What can be asked of every metric: filters, and the options of some."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from api.cubes import Result
from autoconnect.core.cube import Cube
from autoconnect.core.metrics import OPTIONS, compute, earlier_of
from autoconnect.core.metrics.base import Choice, Metric, Option, Options
from autoconnect.core.selection import Selection
from autoconnect.core.table import Table
from autoconnect.errors import SelectionError

# Patterns for the OpenAPI description only: the code that reads the values has clearer messages.
_DATE: dict[str, Any] = {"pattern": r"^[0-9]{4}-[0-9]{2}(-[0-9]{2})?$"}
_NUMBER: dict[str, Any] = {"pattern": r"^[0-9]{1,9}$"}


class Filters(BaseModel):
    """The parameters that all metrics accept."""

    model_config = ConfigDict(extra="forbid")

    city: list[str] = Field([], description="Repeatable; case, accents, spaces and underscores do not matter.")
    model: list[str] = Field([], description="Repeatable; case, accents, spaces and underscores do not matter.")
    first: str | None = Field(
        None, alias="from", description="YYYY-MM-DD or YYYY-MM, inclusive.", json_schema_extra=_DATE
    )
    last: str | None = Field(None, alias="to", description="YYYY-MM-DD or YYYY-MM, inclusive.", json_schema_extra=_DATE)
    type: str | None = Field(None, description="vente, sale, location or rental.")
    job: str | None = Field(None, min_length=1, description="Id of a job; default: the published one.")
    partial: bool = Field(False, description="Also answer for a job that has not ended, with its result so far.")
    version: str | None = Field(
        None, min_length=1, description="X-Result-Version of an earlier answer: only that version, which never changes."
    )

    def selection(self) -> Selection:
        """Reads the filters; raises SelectionError for an invalid one."""
        return Selection.read(self.city, self.model, self.first, self.last, self.type)

    def requested(self) -> dict[str, Any]:
        """The filters as the client sent them."""
        return self.model_dump(include={"city", "model", "first", "last", "type"}, exclude_defaults=True, by_alias=True)


class OptionParameters(Filters):
    """The filters, and the options of all metrics."""

    def given(self) -> dict[str, str]:
        """The options that the client sent."""
        return {name: text for name in OPTIONS if (text := getattr(self, name)) is not None}

    def options(self, metric: Metric) -> dict[str, int | str]:
        """Reads the options that the metric has; raises SelectionError for an invalid one."""
        given = self.given()
        return {name: option.read(name, given[name]) for name, option in metric.options.items() if name in given}

    def check_options(self, name: str, *metrics: Metric) -> None:
        """Raises SelectionError for an option that none of the metrics has; `name` is what is asked for."""
        for option in self.given():
            if not any(option in metric.options for metric in metrics):
                raise SelectionError(option, f"{name} has no parameter {option}.")


def option_fields() -> dict[str, Any]:
    """A field for each option of the catalogue, for a model of parameters."""
    return {
        name: (str | None, Field(None, description=option.meaning, json_schema_extra=_form(option)))
        for name, option in OPTIONS.items()
    }


def _form(option: Option) -> dict[str, Any]:
    return {"enum": [*option.names]} if isinstance(option, Choice) else _NUMBER


def make_table(metric: Metric, options: Options, selection: Selection, result: Result, cells: Cube) -> Table:
    """The table of a metric, from the selected cells of a result."""
    earlier = selection.earlier_cells(earlier_of(metric, options), cells, result.cube, result.folding)
    return compute(metric, cells, result.facts, options, earlier)
