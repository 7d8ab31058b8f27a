"""Charts of metrics: as pictures, or as Vega-Lite specifications with their data."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field, create_model

from api.computations import Computation
from api.cubes import Result
from api.dependencies import Computing, Draws, Redis
from api.filters import OptionParameters, make_table, option_fields
from api.formats import Body
from api.problems import Problem
from api.table_route import TableRoute
from autoconnect.broker import jobs
from autoconnect.core.charts import CHARTS, HEIGHTS, WIDTHS, Chart, Style
from autoconnect.core.cube import Cube
from autoconnect.core.metrics import CATALOGUE, earlier_of
from autoconnect.core.table import Table
from autoconnect.exports import json
from autoconnect.models import Job

#: Media types by suffix.
_FORMS = {"svg": "image/svg+xml", "png": "image/png", "json": "application/json"}
_DESCRIPTION: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            _FORMS["svg"]: {"schema": {"type": "string"}},
            _FORMS["png"]: {"schema": {"type": "string", "format": "binary"}},
            _FORMS["json"]: {"schema": {"type": "object"}},
        }
    }
}


class _ChartParameters(OptionParameters):
    """The parameters of a chart."""

    width: int = Field(720, ge=WIDTHS[0], le=WIDTHS[1], description="Pixels.")
    height: int | None = Field(None, ge=HEIGHTS[0], le=HEIGHTS[1], description="Pixels; default: what suits the chart.")
    theme: Literal["light", "dark"] = Field("light", description="The background.")
    lang: Literal["en", "fr"] = Field("en", description="The language of titles, numbers and months.")


if TYPE_CHECKING:
    ChartParameters = _ChartParameters
else:
    ChartParameters = create_model("ChartParameters", __base__=_ChartParameters, **option_fields())

ChartName = Annotated[str, Path(json_schema_extra={"enum": list(CHARTS)})]
Form = Annotated[str, Path(json_schema_extra={"enum": list(_FORMS)})]

router = APIRouter(tags=["charts"], route_class=TableRoute)


@dataclass(frozen=True, kw_only=True)
class _ChartComputation(Computation):
    """Writes the specification of a chart, which needs the tables of some metrics."""

    chart: Chart
    makers: Mapping[str, Callable[[Result, Cube], Table]]
    parameters: _ChartParameters
    read_job: Callable[[str], Job | None]

    def write(self, result: Result, cells: Cube) -> Body:
        tables = {name: make(result, cells) for name, make in self.makers.items()}
        spec = self.chart.spec(tables, self._style(result))
        kept = self.kept_bytes(tables[self.chart.name], result, cells)
        return Body(_FORMS["json"], _in_one_piece(spec), kept)

    def _style(self, result: Result) -> Style:
        job, given = self.read_job(result.job_id), self.parameters
        currency = job.dialect.currency if job and job.dialect else None
        return Style(given.width, given.height, given.theme, given.lang, currency or None, result.cube.cities)


def _in_one_piece(spec: Mapping[str, object]) -> Iterator[bytes]:
    yield json.dumps(spec)


@router.get("/charts/{name}.{form}", summary="Draw a chart", responses=_DESCRIPTION, response_class=Response)
async def get_chart(
    request: Request,
    client: Redis,
    computations: Computing,
    drawing: Draws,
    name: ChartName,
    form: Form,
    parameters: Annotated[ChartParameters, Query()],
) -> Response:
    """Draws a metric of the transactions that the filters select: as a picture, or as its Vega-Lite specification."""
    chart = CHARTS.get(name)
    if chart is None:
        raise Problem(404, f"There is no chart {name}; expected one of {', '.join(CHARTS)}.")
    if form not in _FORMS:
        raise Problem(404, f"There is no chart {name}.{form}; expected {name}.svg, .png or .json.")
    metrics = [CATALOGUE[table] for table in chart.tables]
    parameters.check_options(name, *metrics)
    options, selection = {metric.name: parameters.options(metric) for metric in metrics}, parameters.selection()
    makers = {metric.name: partial(make_table, metric, options[metric.name], selection) for metric in metrics}
    computation = _ChartComputation(
        table=makers[name],
        selection=selection,
        earlier=[earlier for metric in metrics if (earlier := earlier_of(metric, options[metric.name]))],
        form=json.FORMAT,
        head=lambda _: {},
        job_id=parameters.job,
        version=parameters.version,
        partial=parameters.partial,
        chart=chart,
        makers=makers,
        parameters=parameters,
        read_job=partial(jobs.read_job, client),
    )
    response = await computations.answer(request, computation)
    if form == "json":
        return response
    return Response(await drawing.draw(form, bytes(response.body)), media_type=_FORMS[form])
