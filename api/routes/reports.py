"""The report of a job: one page of HTML."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool

from api.computations import Computation
from api.cubes import Result
from api.dependencies import Computing, Draws, Redis
from api.filters import make_table
from api.formats import Body
from api.problems import Problem
from autoconnect.broker import jobs, results
from autoconnect.broker.connection import Client
from autoconnect.core.charts.style import Language
from autoconnect.core.cube import Cube
from autoconnect.core.metrics import CATALOGUE
from autoconnect.core.selection import Selection
from autoconnect.exports import json
from autoconnect.exports.report import REJECTS_READ, Draft, Subject, draft_report

#: The page has its own styles, and nothing else may be loaded or run.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_DESCRIPTION: dict[int | str, dict[str, Any]] = {200: {"content": {"text/html": {"schema": {"type": "string"}}}}}

router = APIRouter(tags=["jobs"])


@dataclass(frozen=True, kw_only=True)
class _ReportComputation(Computation):
    """Writes the draft of a report, whose charts are drawn after it."""

    client: Client
    language: Language

    def write(self, result: Result, cells: Cube) -> Body:
        return Body("application/json", self._pieces(result, cells), result.names_bytes)

    def _pieces(self, result: Result, cells: Cube) -> Iterator[bytes]:
        job = jobs.read_job(self.client, result.job_id)
        if job is None:
            raise Problem(404, f"There is no job {result.job_id}.")
        rejects = results.read_rejects(self.client, job.id, 0, REJECTS_READ)
        subject = Subject(job, result.computed_at, rejects, self.language, rest="rest_api")
        makers = {
            name: partial(make_table, metric, {}, self.selection, result, cells) for name, metric in CATALOGUE.items()
        }
        for draft in draft_report(makers, subject):
            yield draft.to_json() if draft else b""


@router.get(
    "/jobs/{job_id}/report", summary="Read the report of a job", responses=_DESCRIPTION, response_class=HTMLResponse
)
async def get_report(
    request: Request,
    client: Redis,
    computations: Computing,
    drawing: Draws,
    job_id: str,
    lang: Annotated[Language, Query(description="The language of the page.")] = "en",
) -> Response:
    """Writes a completed job up as a page, to print and hand on: key figures, charts, tables, rejects, definitions."""
    computation = _ReportComputation(
        table=partial(make_table, CATALOGUE["summary"], {}, Selection()),
        form=json.FORMAT,
        head=lambda _: {},
        job_id=job_id,
        client=client,
        language=lang,
    )
    answer = await computations.answer(request, computation)
    draft = await run_in_threadpool(Draft.from_json, bytes(answer.body))
    pictures = [await drawing.draw("svg", spec.encode()) for _, spec in draft.charts]
    page = await run_in_threadpool(draft.complete, pictures)
    return HTMLResponse(page, headers={"Content-Security-Policy": _POLICY})
