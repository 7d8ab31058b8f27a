"""The commands for jobs of a running API, and what the other commands for one share."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from autoconnect.cli.check import show_check
from autoconnect.cli.checks import checked_file
from autoconnect.cli.dialect import Columns, Parts, given_options
from autoconnect.cli.report import write_page
from autoconnect.cli.show import console, print_json, progress, show_job, show_jobs
from autoconnect.client import AutoConnect, connected
from autoconnect.core.charts.style import Language
from autoconnect.logs import printable
from autoconnect.models import Job, JobStatus, SourceCheck
from autoconnect.settings import PREFIX

jobs = typer.Typer(help="Jobs of a running API (AUTOCONNECT_URL).", no_args_is_help=True)

JobId = Annotated[str, typer.Argument(help="Id of the job; default: the newest job.")]
GivenId = Annotated[str, typer.Argument(help="Id of the job.")]
AsJson = Annotated[bool, typer.Option("--json", metavar="", help="Print one JSON object and nothing else.")]
Wide = Annotated[bool, typer.Option("--wide", metavar="", help="Show all columns, however narrow the terminal is.")]


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
    keep_published: Annotated[
        bool, typer.Option("--no-publish", metavar="", help="Do not publish the result; `jobs publish` does it later.")
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", metavar="", help="Wait until the job has ended.")] = False,
    as_json: AsJson = False,
) -> None:
    """Submit a job."""
    options = given_options(dialect, column)
    with connected() as api:
        job: Job = api.submit(source, dialect=options, publish=not keep_published)
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
        page = api.jobs(status, limit)
    if as_json:
        print_json({"items": [job.model_dump(mode="json") for job in page]})
    else:
        show_jobs(console(wide=wide), page)


@jobs.command()
def show(job_id: JobId = "latest", as_json: AsJson = False) -> None:
    """Show a job."""
    _call_and_print(AutoConnect.job, job_id, as_json)


@jobs.command()
def watch(job_id: JobId = "latest", as_json: AsJson = False) -> None:
    """Watch a job until it ends."""
    with connected() as api, progress(quiet=as_json) as watcher:
        job = api.watch(job_id, watcher)
    _print_job(job, as_json)


@jobs.command()
def cancel(job_id: GivenId, as_json: AsJson = False) -> None:
    """Cancel a job."""
    _call_and_print(AutoConnect.cancel, job_id, as_json)


@jobs.command()
def retry(job_id: GivenId, as_json: AsJson = False) -> None:
    """Run a failed job again."""
    _call_and_print(AutoConnect.retry, job_id, as_json)


@jobs.command()
def publish(job_id: GivenId, as_json: AsJson = False) -> None:
    """Publish the result of a completed job."""
    _call_and_print(AutoConnect.publish, job_id, as_json)


@jobs.command()
def delete(job_id: GivenId, as_json: AsJson = False) -> None:
    """Remove an ended job and its result."""
    with connected() as api:
        api.delete(job_id)
    if as_json:
        print_json({"deleted": job_id})
    else:
        console().print(f"Job {printable(job_id)} and its result are removed.", markup=False)


@jobs.command()
def report(
    job_id: GivenId,
    out: Annotated[Path, typer.Option(callback=checked_file, help="The file to write.")],
    lang: Annotated[Language, typer.Option(help="Language of the report.")] = "en",
) -> None:
    """Write the report of a completed job, one page of HTML, into a file."""
    with connected() as api:
        page = api.report(job_id, lang)
    write_page(out, page)


@jobs.command()
def events(
    job_id: Annotated[str, typer.Argument(help="Id of the job; default: the events of all jobs, until Ctrl-C.")] = "",
    as_json: Annotated[
        bool, typer.Option("--json", metavar="", help="Print one JSON object a line and nothing else.")
    ] = False,
) -> None:
    """Print each change of a job until it has ended, a line each."""
    with connected() as api:
        for job in api.events(api.job(job_id).id if job_id else None):
            if as_json:
                print_json({"job": job.model_dump(mode="json")})
            else:
                _print_change(job)
            sys.stdout.flush()


def _print_change(job: Job) -> None:
    batches = f"{job.batches.done} of {job.batches.total} batches"
    sys.stdout.write(f"{job.id}  {job.status:<10}  {batches}  {printable(job.source)}\n")


def print_check(checked: SourceCheck, as_json: bool, wide: bool) -> None:
    """Prints how a source would be read."""
    if as_json:
        print_json(checked.model_dump())
    else:
        show_check(console(wide=wide), checked)


def _call_and_print(call: Callable[[AutoConnect, str], Job], job_id: str, as_json: bool) -> None:
    """Prints the job that a call of the API answers with."""
    with connected() as api:
        job = call(api, job_id)
    _print_job(job, as_json, fail=False)


def _print_job(job: Job, as_json: bool, fail: bool = True) -> None:
    """Prints a job; with `fail`, exits with code 1 if it failed or was cancelled."""
    if as_json:
        print_json({"job": job.model_dump(mode="json")})
    else:
        show_job(console(), job)
    if fail and job.status in (JobStatus.FAILED, JobStatus.CANCELLED):
        raise typer.Exit(1)
