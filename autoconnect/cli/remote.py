"""The commands that talk to a running API."""

import inspect
import sys
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar

import typer

from autoconnect.cli.check import show_check
from autoconnect.cli.dialect import Columns, Parts, given_options
from autoconnect.cli.show import console, progress, show_job, show_jobs, show_table
from autoconnect.client import Api, connected
from autoconnect.core.metrics import CATALOGUE, OPTIONS
from autoconnect.core.metrics.base import Choice
from autoconnect.core.table import Column, Kind, Table
from autoconnect.exports.json import dumps
from autoconnect.logs import printable
from autoconnect.models import Job, JobStatus, SourceCheck
from autoconnect.settings import PREFIX

jobs = typer.Typer(help="Jobs of a running API (AUTOCONNECT_URL).", no_args_is_help=True)
sources = typer.Typer(help="Sources of a running API (AUTOCONNECT_URL).", no_args_is_help=True)

Command = TypeVar("Command", bound=Callable[..., None])

JobId = Annotated[str, typer.Argument(help="Id of the job; default: the newest job.")]
GivenId = Annotated[str, typer.Argument(help="Id of the job.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Wide = Annotated[bool, typer.Option("--wide", help="Show all columns, however narrow the terminal is.")]


@jobs.command()
def submit(
    source: Annotated[
        str | None,
        typer.Argument(
            envvar=f"{PREFIX}SOURCE", help="Name of the source; default: AUTOCONNECT_SOURCE, or the stack's own source."
        ),
    ] = None,
    dialect: Parts = None,
    column: Columns = None,
    watch: Annotated[bool, typer.Option("--watch", help="Wait until the job has ended.")] = False,
    as_json: AsJson = False,
) -> None:
    """Submit a job."""
    options = given_options(dialect, column)
    with connected() as api:
        job = api.submit(source, dialect=options)
        if watch:
            with progress(quiet=as_json) as watcher:
                job = api.watch(job.id, watcher)
    _print_job(job, as_json)


@jobs.command(name="list")
def list_jobs(
    status: Annotated[JobStatus | None, typer.Option(help="Only jobs with this status.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="Maximum number of jobs.")] = 20,
    wide: Wide = False,
    as_json: AsJson = False,
) -> None:
    """List jobs, newest first."""
    with connected() as api:
        page = api.list_jobs(status, limit)
    if as_json:
        _print_json({"items": [job.model_dump(mode="json") for job in page]})
    else:
        show_jobs(console(wide=wide), page)


@jobs.command()
def show(job_id: JobId = "latest", as_json: AsJson = False) -> None:
    """Show a job."""
    _call_and_print(Api.job, job_id, as_json)


@jobs.command()
def watch(job_id: JobId = "latest", as_json: AsJson = False) -> None:
    """Watch a job until it ends."""
    with connected() as api, progress(quiet=as_json) as watcher:
        job = api.watch(job_id, watcher)
    _print_job(job, as_json)


@jobs.command()
def cancel(job_id: GivenId, as_json: AsJson = False) -> None:
    """Cancel a job."""
    _call_and_print(Api.cancel, job_id, as_json)


@jobs.command()
def retry(job_id: GivenId, as_json: AsJson = False) -> None:
    """Run a failed job again."""
    _call_and_print(Api.retry, job_id, as_json)


@jobs.command()
def publish(job_id: GivenId, as_json: AsJson = False) -> None:
    """Publish the result of a completed job."""
    _call_and_print(Api.publish, job_id, as_json)


@jobs.command()
def delete(job_id: GivenId, as_json: AsJson = False) -> None:
    """Remove an ended job and its result."""
    with connected() as api:
        api.delete(job_id)
    if as_json:
        _print_json({"deleted": job_id})
    else:
        console().print(f"Job {printable(job_id)} and its result are removed.", markup=False)


@sources.command()
def check(
    name: Annotated[str, typer.Argument(help="Name of the source.")],
    dialect: Parts = None,
    column: Columns = None,
    as_json: AsJson = False,
    wide: Wide = False,
) -> None:
    """Show how a source would be read, from a sample of it; nothing is stored."""
    options = given_options(dialect, column)
    with connected() as api:
        checked = api.check(name, options)
    print_check(checked, as_json, wide)


def print_check(checked: SourceCheck, as_json: bool, wide: bool) -> None:
    """Prints how a source would be read."""
    if as_json:
        _print_json(checked.model_dump())
    else:
        show_check(console(wide=wide), checked)


def _with_options(command: Command) -> Command:
    """Lets a command also accept the options of all metrics, before its own last one, as keyword arguments."""
    signature = inspect.signature(command)
    *own, last, _ = signature.parameters.values()
    options = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[
                str | None if isinstance(option, Choice) else int | None, typer.Option(f"--{name}", help=option.meaning)
            ],
        )
        for name, option in OPTIONS.items()
    ]
    parameters = [*own, *options, last.replace(kind=inspect.Parameter.KEYWORD_ONLY)]
    vars(command)["__signature__"] = signature.replace(parameters=parameters)
    return command


@_with_options
def metric(
    name: Annotated[str, typer.Argument(help="Name of the metric, such as summary or top-models.")],
    city: Annotated[list[str] | None, typer.Option(help="Only this city; repeatable.")] = None,
    model: Annotated[list[str] | None, typer.Option(help="Only this model; repeatable.")] = None,
    first: Annotated[str | None, typer.Option("--from", help="YYYY-MM-DD or YYYY-MM, inclusive.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="YYYY-MM-DD or YYYY-MM, inclusive.")] = None,
    kind: Annotated[str | None, typer.Option("--type", help="vente, sale, location or rental.")] = None,
    job: Annotated[str | None, typer.Option(help="Id of a job; default: the published one.")] = None,
    wide: Wide = False,
    as_json: AsJson = False,
    **options: int | str | None,
) -> None:
    """Print a metric of a running API."""
    selection = {"city": city, "model": model, "from": first, "to": last, "type": kind, "job": job}
    given = {name: str(value) for name, value in options.items() if value is not None}
    filters = {name: value for name, value in selection.items() if value} | given
    with connected() as api:
        answer = api.metric(name, filters)
    if as_json:
        _print_json(answer)
    else:
        show_table(console(wide=wide), name, _table(name, answer))


def _table(name: str, answer: Mapping[str, Any]) -> Table:
    """The table in the answer for a metric; a column that this version does not know is text."""
    metrics = [CATALOGUE[name]] if name in CATALOGUE else []
    known = {column.name: column for metric in metrics for column in (*metric.columns, *metric.more_columns)}
    columns = (known.get(column, Column(column, Kind.TEXT, "")) for column in answer["columns"])
    return Table(tuple(columns), answer["rows"], answer.get("note"))


def _call_and_print(call: Callable[[Api, str], Job], job_id: str, as_json: bool) -> None:
    """Prints the job that a call of the API answers with."""
    with connected() as api:
        job = call(api, job_id)
    _print_job(job, as_json, fail=False)


def _print_job(job: Job, as_json: bool, fail: bool = True) -> None:
    """Prints a job; with `fail`, exits with code 1 if it failed or was cancelled."""
    if as_json:
        _print_json({"job": job.model_dump(mode="json")})
    else:
        show_job(console(), job)
    if fail and job.status in (JobStatus.FAILED, JobStatus.CANCELLED):
        raise typer.Exit(1)


def _print_json(document: Any) -> None:
    sys.stdout.write(dumps(document) + "\n")
