"""The commands `run` and `up`: one job, and the whole stack, on this machine."""

import socket
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from autoconnect.cli.report import Report, write_report
from autoconnect.cli.show import console, print_json, progress, show_job, show_table
from autoconnect.cli.source import given_source, name_in_data_folder
from autoconnect.core.dialect import DialectOptions
from autoconnect.core.partial import MAX_REJECTS
from autoconnect.core.table import Table
from autoconnect.engines import engine_of
from autoconnect.engines.dask import check_installed
from autoconnect.errors import AutoConnectError, SettingsError
from autoconnect.exports import FORMATS, xlsx
from autoconnect.exports.base import with_currency
from autoconnect.exports.workbook import write_workbook
from autoconnect.local.stack import local_stack, start_or_repair
from autoconnect.local.supervisor import Supervisor
from autoconnect.logs import say
from autoconnect.models import Job, JobStatus
from autoconnect.settings import PREFIX, Settings
from autoconnect.sources.local import DEFAULT_SOURCE, Folders

#: Rejected rows shown after the tables.
_REJECTS_SHOWN = 10

Tables = Mapping[str, Table]


class Export(NamedTuple):
    """The folder that tables are written into, and the name of their format."""

    folder: Path
    format: str


class Files(NamedTuple):
    """What a run writes into files."""

    export: Export | None = None
    report: Report | None = None


def run(source: str, settings: Settings, dialect: DialectOptions, *, as_json: bool, wide: bool, files: Files) -> int:
    """Runs one job and prints the metrics; returns the exit code.

    `source` is a path, or `-` for standard input. A job that is not completed has no report.
    """
    with given_source(source) as file, progress(quiet=as_json) as watch:
        job, metrics, rejects = engine_of(settings.engine)(file, settings, dialect, watch)
    if files.export:
        _export({**metrics, "rejects": rejects}, job, files.export)
    completed = job.status is JobStatus.COMPLETED
    if files.report and completed:
        write_report(files.report, job, metrics, rejects)
    if as_json:
        _print_json(job, metrics, rejects)
    else:
        _print_tables(console(wide=wide), job, metrics, rejects)
    return 0 if completed else 1


def up(settings: Settings, *, repair_state: bool, state: Path = Path(".autoconnect")) -> None:
    """Runs the stack with the API until it is interrupted."""
    if repair_state and settings.redis_url:
        raise SettingsError(
            f"--repair-state is for the data of the embedded server, and {PREFIX}REDIS_URL names another Redis; "
            "expected one of them."
        )
    if settings.engine == "dask":
        check_installed()
    host, port = settings.listen_host, settings.port
    _check_port(host, port)
    overrides = {"SOURCE": _source_of_stack(settings), "HOST": settings.host, "PORT": str(settings.port)}
    services = local_stack(
        state,
        overrides,
        redis_url=settings.redis_url,
        workers=settings.worker_processes,
        with_api=True,
        start_server=start_or_repair if repair_state else Supervisor.start_server,
    )
    with services as (supervisor, _):
        url = f"http://{_address(host, port)}"
        say(f"AutoConnect is starting on {url} (Swagger UI: {url}/docs). Ctrl-C stops it.")
        while True:
            supervisor.watch(timeout_s=60)


def _source_of_stack(settings: Settings) -> str:
    """The source that `up` submits, empty if it submits none."""
    if settings.source is None:
        return DEFAULT_SOURCE if (settings.data_dir / DEFAULT_SOURCE).is_file() else ""
    return name_in_data_folder(settings.source, Folders(settings.upload_dir, settings.data_dir))


def _export(tables: Tables, job: Job, export: Export) -> None:
    """Write a file for each table, or one workbook with all of them."""
    export.folder.mkdir(parents=True, exist_ok=True)
    form = FORMATS[export.format]
    if form == xlsx.FORMAT:
        makers = {name: partial(tables.__getitem__, name) for name in tables}
        _write(export.folder / f"metrics{form.suffix}", write_workbook(makers, job, job.finished_at, {}))
        return
    for name, table in tables.items():
        _write(export.folder / f"{name}{form.suffix}", form.write(with_currency(table, job), {}))


def _write(path: Path, pieces: Iterator[bytes]) -> None:
    with path.open("wb") as file:
        file.writelines(pieces)


def _print_json(job: Job, metrics: Tables, rejects: Table) -> None:
    document = {
        "job": job.model_dump(mode="json"),
        "metrics": {name: list(table.rows) for name, table in metrics.items()},
        "rejects": list(rejects.rows),
        "truncated": _is_truncated(job),
    }
    print_json(document)


def _print_tables(out: Console, job: Job, metrics: Tables, rejects: Table) -> None:
    for name, table in metrics.items():
        show_table(out, name, table)
    if rejects.rows:
        show_table(
            out, f"first of {job.rows.rejected:,} rejected rows", replace(rejects, rows=rejects.rows[:_REJECTS_SHOWN])
        )
    if _is_truncated(job):
        out.print(f"Only the first {MAX_REJECTS:,} rejected rows are kept.")
    show_job(out, job)


def _is_truncated(job: Job) -> bool:
    return job.rows.rejected > MAX_REJECTS


def _address(host: str, port: int) -> str:
    """Host and port as in a URL, with an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _check_port(host: str, port: int) -> None:
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        raise AutoConnectError(
            f"Cannot listen on {_address(host, port)}: {error.strerror}; choose another port with --port."
        ) from None
