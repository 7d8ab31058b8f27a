"""The commands `run` and `up`, which run the whole stack on this machine."""

import os
import socket
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from autoconnect.broker import jobs, results
from autoconnect.broker.connection import Client
from autoconnect.cli.show import console, progress, show_job, show_table
from autoconnect.client import Watcher
from autoconnect.core.metrics import CATALOGUE
from autoconnect.core.partial import MAX_REJECTS
from autoconnect.core.table import Table
from autoconnect.errors import AutoConnectError, BrokerUnavailable
from autoconnect.exports import FORMATS
from autoconnect.exports.json import dumps
from autoconnect.local.stack import local_stack
from autoconnect.local.supervisor import Supervisor
from autoconnect.models import Job, JobStatus
from autoconnect.settings import PREFIX, Settings
from autoconnect.sources.local import DEFAULT_SOURCE

#: Milliseconds between checks of the services while no event of the job arrives.
_WATCH_MS = 500
#: Seconds that Redis may be away before a run gives up.
_PATIENCE_S = 30.0
#: Rejected rows shown after the tables.
_REJECTS_SHOWN = 10

Tables = Mapping[str, Table]


def run(source: Path, settings: Settings, *, as_json: bool, export: Path | None) -> int:
    """Runs one job on the stack without the API, and prints the metrics; returns the exit code."""
    source = source.resolve()
    with tempfile.TemporaryDirectory(prefix="autoconnect-") as folder:
        overrides = {"DATA_DIR": str(source.parent), "UPLOAD_DIR": f"{folder}/uploads", "SOURCE": ""}
        # ERROR leaves out what `run` prints anyway, such as the reason for a failed job.
        overrides["LOG_LEVEL"] = os.environ.get(PREFIX + "LOG_LEVEL") or "ERROR"
        services = local_stack(
            Path(folder), overrides, redis_url=settings.redis_url, workers=settings.workers, with_api=False
        )
        with services as (supervisor, client):
            job_id = jobs.create_job(client, source.name, settings.result_ttl_s)
            with progress(quiet=as_json) as watch:
                job = _follow(client, supervisor, job_id, watch)
            completed = job.status is JobStatus.COMPLETED
            metrics = {name: _metric(client, job_id, name) for name in CATALOGUE} if completed else {}
            rejects = results.read_rejects(client, job_id, 0, MAX_REJECTS)
    if export:
        _export({**metrics, "rejects": rejects}, export)
    if as_json:
        _print_json(job, metrics)
    else:
        _print_tables(job, metrics, rejects)
    return 0 if completed else 1


def up(settings: Settings, state: Path = Path(".autoconnect")) -> None:
    """Runs the stack with the API until it is interrupted."""
    host, port = settings.listen_host, settings.port
    _check_port(host, port)
    source = settings.source
    if source is None and (settings.data_dir / DEFAULT_SOURCE).is_file():
        source = DEFAULT_SOURCE
    overrides = {"SOURCE": source or "", "HOST": settings.host, "PORT": str(settings.port)}
    services = local_stack(state, overrides, redis_url=settings.redis_url, workers=settings.workers, with_api=True)
    with services as (supervisor, _):
        url = f"http://{_address(host, port)}"
        sys.stderr.write(f"AutoConnect is starting on {url} (Swagger UI: {url}/docs). Ctrl-C stops it.\n")
        while True:
            supervisor.watch(timeout_s=60)


def _follow(client: Client, supervisor: Supervisor, job_id: str, watch: Watcher) -> Job:
    """Follows a job by its events until it ends; Redis may be away for _PATIENCE_S."""
    last_event, reached_at = "0-0", time.monotonic()
    while True:
        try:
            last_event = jobs.wait_for_event(client, job_id, last_event, _WATCH_MS) or last_event
            job = jobs.read_job(client, job_id)
        except BrokerUnavailable:
            if time.monotonic() - reached_at > _PATIENCE_S:
                raise
            supervisor.watch(timeout_s=_WATCH_MS / 1_000)
            continue
        if job is None:
            raise AutoConnectError(f"Job {job_id} is no longer in Redis.")
        reached_at = time.monotonic()
        watch(job)
        if job.status.ended:
            return job
        supervisor.watch(timeout_s=0)


def _metric(client: Client, job_id: str, name: str) -> Table:
    table = results.read_metric(client, job_id, name)
    if table is None:
        raise AutoConnectError(f"The result of job {job_id} is no longer in Redis.")
    return table


def _export(tables: Tables, folder: Path) -> None:
    form = FORMATS["csv"]
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        with (folder / f"{name}{form.suffix}").open("wb") as file:
            file.writelines(form.write(table, {}))


def _print_json(job: Job, metrics: Tables) -> None:
    rows = {name: table.rows for name, table in metrics.items()}
    sys.stdout.write(dumps({"job": job.model_dump(mode="json"), "metrics": rows}) + "\n")


def _print_tables(job: Job, metrics: Tables, rejects: Table) -> None:
    out = console()
    for name, table in metrics.items():
        show_table(out, name, table)
    if rejects.rows:
        show_table(
            out, f"first of {job.rows.rejected:,} rejected rows", replace(rejects, rows=rejects.rows[:_REJECTS_SHOWN])
        )
    show_job(out, job)


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
