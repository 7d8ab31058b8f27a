"""Metrics with filters, and roll-ups of the cube."""

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, cast

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field, create_model

from api.answers import CityCount, ColumnInfo, Items, MetricAnswer, MetricInfo, ModelCount
from api.cubes import Result
from api.dependencies import Computing, Redis
from api.filters import Filters, OptionParameters, make_table, option_fields
from api.formats import OTHER_FORMATS, choose_format, described, folder_of_workbooks
from api.paging import TableParameters
from api.problems import Problem
from api.table_route import TableRoute
from api.tables import Query as Asked
from api.tables import TableComputation, WorkbookComputation
from autoconnect.broker import jobs
from autoconnect.broker.connection import Client
from autoconnect.core.charts.style import Language
from autoconnect.core.cube import Cube
from autoconnect.core.metrics import CATALOGUE, earlier_of
from autoconnect.core.metrics.base import Metric
from autoconnect.core.metrics.definitions import DEFINITIONS
from autoconnect.core.rollup import MEASURES, RollUp
from autoconnect.core.table import Column, Kind, LazyRows, Row, Table
from autoconnect.core.tabulate import KEYS
from autoconnect.exports import xlsx
from autoconnect.exports.json import FORMAT as JSON
from autoconnect.exports.json import ITEMS


class _MetricParameters(OptionParameters, TableParameters):
    """The parameters of a metric."""

    def options(self, metric: Metric) -> dict[str, int | str]:
        """Reads the options; raises SelectionError for an invalid one, or one that the metric does not have."""
        self.check_options(metric.name, metric)
        return super().options(metric)


class _WorkbookParameters(OptionParameters):
    """The parameters of all metrics as one workbook."""

    format: str | None = Field(None, description="xlsx", json_schema_extra={"enum": ["xlsx"]})


if TYPE_CHECKING:
    MetricParameters = _MetricParameters
    WorkbookParameters = _WorkbookParameters
else:
    MetricParameters = create_model("MetricParameters", __base__=_MetricParameters, **option_fields())
    WorkbookParameters = create_model("WorkbookParameters", __base__=_WorkbookParameters, **option_fields())


class ListParameters(Filters, TableParameters):
    """The parameters of the lists of cities and models."""


class QueryParameters(Filters, TableParameters):
    """The parameters of a roll-up."""

    group_by: str = Field("", description=f"Any of {', '.join(KEYS)}, separated by commas.")
    measures: str = Field(
        "",
        description=f"Any of {', '.join(MEASURES)}, separated by commas; default: transactions,revenue.",
    )
    order: str = Field("", description="Columns to sort by, separated by commas; -column sorts in descending order.")


_SPELLINGS = Column("spellings", Kind.TEXT, "transactions by spelling")

MetricName = Annotated[str, Path(json_schema_extra={"enum": list(CATALOGUE)})]


router = APIRouter(tags=["metrics"], route_class=TableRoute)


@router.get("/metrics", summary="List the metrics")
def list_metrics(
    lang: Annotated[Language, Query(description="The language of the definitions.")] = "en",
) -> Items[MetricInfo]:
    """Lists all metrics: their names, definitions, columns with units, and options."""
    return Items(items=[_info(metric, lang) for metric in CATALOGUE.values()])


@router.get(
    "/metrics/all",
    summary="Download all metrics as a workbook",
    responses=described(xlsx.FORMAT),
    response_class=Response,
)
async def get_all_metrics(
    request: Request,
    client: Redis,
    computations: Computing,
    parameters: Annotated[WorkbookParameters, Query()],
) -> Response:
    """Writes all metrics of the selected transactions to one workbook: a cover, then a sheet for each metric."""
    form = choose_format(request, parameters.format, {"xlsx": xlsx.FORMAT})
    options = {name: parameters.options(metric) for name, metric in CATALOGUE.items()}
    filters = parameters.requested() | {name: value for each in options.values() for name, value in each.items()}
    selection = parameters.selection()
    makers = {name: partial(make_table, metric, options[name], selection) for name, metric in CATALOGUE.items()}
    computation = WorkbookComputation(
        table=makers["summary"],
        selection=selection,
        earlier=[earlier for name, metric in CATALOGUE.items() if (earlier := earlier_of(metric, options[name]))],
        form=form,
        head=lambda result: _head("all", result, filters),
        job_id=parameters.job,
        version=parameters.version,
        partial=parameters.partial,
        query=Asked("metrics", filters, partial(jobs.read_job, client)),
        metrics=makers,
        folder=folder_of_workbooks(request),
    )
    return await computations.answer(request, computation)


@router.get("/metrics/{name}", summary="Read a metric", response_model=MetricAnswer, responses=OTHER_FORMATS)
async def get_metric(
    request: Request,
    client: Redis,
    computations: Computing,
    name: MetricName,
    parameters: Annotated[MetricParameters, Query()],
) -> Response:
    """Computes a metric of the transactions that the filters select."""
    metric = CATALOGUE.get(name)
    if metric is None:
        raise Problem(404, f"There is no metric {name}; expected one of {', '.join(CATALOGUE)}.")
    options, selection = parameters.options(metric), parameters.selection()
    filters = parameters.requested() | options
    earlier = earlier_of(metric, options)
    computation = TableComputation(
        table=partial(make_table, metric, options, selection),
        selection=selection,
        earlier=[earlier] if earlier else [],
        form=parameters.choose(request),
        head=lambda result: _head(name, result, filters),
        job_id=parameters.job,
        version=parameters.version,
        partial=parameters.partial,
        query=Asked(name, filters, partial(jobs.read_job, client)),
        parameters=parameters,
    )
    return await computations.answer(request, computation)


@router.get("/query", summary="Query a roll-up", response_model=MetricAnswer, responses=OTHER_FORMATS)
async def query(
    request: Request, client: Redis, computations: Computing, parameters: Annotated[QueryParameters, Query()]
) -> Response:
    """Adds up the transactions that the filters select, by any columns and with any measures."""
    roll_up = RollUp.read(parameters.group_by, parameters.measures, parameters.order)
    filters = parameters.requested()
    computation = TableComputation(
        table=lambda _, cells: roll_up.run(cells),
        selection=parameters.selection(),
        form=parameters.choose(request),
        head=lambda result: _head("query", result, filters),
        job_id=parameters.job,
        version=parameters.version,
        partial=parameters.partial,
        query=Asked("query", filters, partial(jobs.read_job, client), roll_up),
        parameters=parameters,
    )
    return await computations.answer(request, computation)


@router.get("/cities", summary="List the cities", response_model=Items[CityCount], responses=OTHER_FORMATS)
async def list_cities(
    request: Request, client: Redis, computations: Computing, parameters: Annotated[ListParameters, Query()]
) -> Response:
    """Lists the cities of the transactions that the filters select and their numbers of transactions, by name."""
    return await computations.answer(request, _counts("city", "cities", request, client, parameters))


@router.get("/models", summary="List the models", response_model=Items[ModelCount], responses=OTHER_FORMATS)
async def list_models(
    request: Request, client: Redis, computations: Computing, parameters: Annotated[ListParameters, Query()]
) -> Response:
    """Lists the models of the transactions that the filters select and their numbers of transactions, by name."""
    return await computations.answer(request, _counts("model", "models", request, client, parameters))


def _counts(key: str, name: str, request: Request, client: Client, parameters: ListParameters) -> TableComputation:
    roll_up, form = RollUp([key], ["transactions"]), parameters.choose(request)
    write_spellings = (lambda found: found) if form == JSON else _spellings_text

    def count(result: Result, cells: Cube) -> Table:
        table, spellings = roll_up.run(cells), result.folded.spellings(key)
        rows = LazyRows(
            table.rows, lambda row: cast(Row, {**row, "spellings": write_spellings(spellings.get(str(row[key]), {}))})
        )
        return replace(table, columns=(*table.columns, _SPELLINGS), rows=rows)

    return TableComputation(
        table=count,
        selection=parameters.selection(),
        form=form,
        head=lambda _: {},
        json_form=ITEMS,
        job_id=parameters.job,
        version=parameters.version,
        partial=parameters.partial,
        query=Asked(name, parameters.requested(), partial(jobs.read_job, client)),
        parameters=parameters,
    )


def _spellings_text(spellings: Mapping[str, int]) -> str | None:
    """The spellings as one cell: JSON, or nothing."""
    return json.dumps(spellings, ensure_ascii=False) if spellings else None


def _info(metric: Metric, language: Language) -> MetricInfo:
    return MetricInfo(
        name=metric.name,
        definition=DEFINITIONS[language][metric.name],
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
