"""Metrics with filters, and roll-ups of the cube."""

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, create_model

from api.answers import CityCount, ColumnInfo, Items, MetricAnswer, MetricInfo, ModelCount
from api.cubes import Cubes, Result
from api.dependencies import Results
from api.formats import FORMAT_NAMES, OTHER_FORMATS, choose_format, table_response
from api.problems import Problem
from autoconnect.core.metrics import CATALOGUE, OPTIONS, compute
from autoconnect.core.metrics.base import Metric
from autoconnect.core.rollup import MEASURES, RollUp
from autoconnect.core.selection import Selection
from autoconnect.core.table import Table
from autoconnect.core.tabulate import KEYS
from autoconnect.errors import SelectionError
from autoconnect.exports import FORMATS

_REPEATABLE = ("city", "model")
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
    job: str | None = Field(None, min_length=1, description="Id of a job; default: the newest completed one.")
    partial: bool = Field(False, description="Also answer for a job that has not ended, with its result so far.")
    format: str | None = Field(None, description=FORMAT_NAMES, json_schema_extra={"enum": [*FORMATS]})

    def selection(self) -> Selection:
        """Reads the filters; raises SelectionError for an invalid one."""
        return Selection.read(self.city, self.model, self.first, self.last, self.type)

    def requested(self) -> dict[str, Any]:
        """The filters as the client sent them."""
        return self.model_dump(include={"city", "model", "first", "last", "type"}, exclude_defaults=True, by_alias=True)


class _MetricFilters(Filters):
    """The parameters of a metric."""

    def options(self, metric: Metric) -> dict[str, int]:
        """Reads the options; raises SelectionError for an invalid one, or one that the metric does not have."""
        requested = {name: text for name in OPTIONS if (text := getattr(self, name)) is not None}
        for name in requested:
            if name not in metric.options:
                raise SelectionError(name, f"{metric.name} has no parameter {name}.")
        return {name: metric.options[name].read(name, text) for name, text in requested.items()}


if TYPE_CHECKING:
    MetricParameters = _MetricFilters
else:
    # A field for each option of the catalogue.
    MetricParameters = create_model(
        "MetricParameters",
        __base__=_MetricFilters,
        **{
            name: (str | None, Field(None, description=option.meaning, json_schema_extra=_NUMBER))
            for name, option in OPTIONS.items()
        },
    )


class QueryParameters(Filters):
    """The parameters of a roll-up."""

    group_by: str = Field("", description=f"Any of {', '.join(KEYS)}, separated by commas.")
    measures: str = Field(
        "",
        description=f"Any of {', '.join(MEASURES)}, separated by commas; default: transactions,revenue.",
    )
    order: str = Field("", description="Columns to sort by, separated by commas; -column sorts in descending order.")
    limit: int = Field(1_000, ge=1, le=100_000)


MetricName = Annotated[str, Path(json_schema_extra={"enum": list(CATALOGUE)})]


async def _refuse_repeated(request: Request) -> None:
    for name in request.query_params:
        if name and name not in _REPEATABLE and len(request.query_params.getlist(name)) > 1:
            raise SelectionError(name, f"{name} is sent more than once; expected one value.")


router = APIRouter(tags=["metrics"], dependencies=[Depends(_refuse_repeated)])


@router.get("/metrics")
def list_metrics() -> Items[MetricInfo]:
    """The catalogue of metrics: names, definitions, columns with units, options."""
    return Items(items=[_info(metric) for metric in CATALOGUE.values()])


@router.get("/metrics/{name}", response_model=MetricAnswer, responses=OTHER_FORMATS)
def get_metric(
    request: Request, cubes: Results, name: MetricName, parameters: Annotated[MetricParameters, Query()]
) -> Response:
    """A metric of the transactions that the filters select."""
    metric = CATALOGUE.get(name)
    if metric is None:
        raise Problem(404, f"There is no metric {name}; expected one of {', '.join(CATALOGUE)}.")
    options = parameters.options(metric)
    selection = parameters.selection()
    form = choose_format(request, parameters.format)
    result = cubes.result(parameters.job, parameters.partial)
    table = compute(metric, selection.apply(result.cube), result.facts, options)
    return table_response(form, table, _head(name, result, parameters.requested() | options))


@router.get("/query", response_model=MetricAnswer, responses=OTHER_FORMATS)
def query(request: Request, cubes: Results, parameters: Annotated[QueryParameters, Query()]) -> Response:
    """A roll-up by any columns and measures, of the transactions that the filters select."""
    roll_up = RollUp.read(parameters.group_by, parameters.measures, parameters.order, parameters.limit)
    selection = parameters.selection()
    form = choose_format(request, parameters.format)
    result = cubes.result(parameters.job, parameters.partial)
    table = roll_up.run(selection.apply(result.cube))
    return table_response(form, table, _head("query", result, parameters.requested()))


@router.get("/cities")
def list_cities(cubes: Results) -> Items[CityCount]:
    """The cities of the published result and their numbers of transactions, by name."""
    return Items(items=[CityCount.model_validate(row) for row in _counts("city", cubes).rows])


@router.get("/models")
def list_models(cubes: Results) -> Items[ModelCount]:
    """The models of the published result and their numbers of transactions, by name."""
    return Items(items=[ModelCount.model_validate(row) for row in _counts("model", cubes).rows])


def _counts(key: str, cubes: Cubes) -> Table:
    return RollUp([key], ["transactions"], limit=None).run(cubes.result().cube)


def _info(metric: Metric) -> MetricInfo:
    return MetricInfo(
        name=metric.name,
        definition=metric.definition,
        columns=[ColumnInfo(name=column.name, unit=column.unit) for column in metric.columns],
        options={name: option.default for name, option in metric.options.items()},
    )


def _head(name: str, result: Result, filters: dict[str, Any]) -> dict[str, object]:
    return {
        "metric": name,
        "job_id": result.job_id,
        "computed_at": result.computed_at.isoformat().replace("+00:00", "Z"),
        "complete": result.complete,
        "filters": filters,
    }
