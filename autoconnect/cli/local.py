"""The commands `run` and `up`, which run the whole stack on this machine."""

import os
import socket
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import simplejson

from autoconnect.broker import jobs, results
from autoconnect.broker.connection import Client
from autoconnect.cli.show import Watcher, console, progress, show_job, show_table
from autoconnect.core.metrics import CATALOGUE
from autoconnect.core.partial import MAX_REJECTS
from autoconnect.errors import AutoConnectError, BrokerUnavailable
from autoconnect.models import Job, JobStatus, RejectedRow
from autoconnect.settings import PREFIX, Settings
from autoconnect.sources import DEFAULT_SOURCE
from autoconnect.stack import local_stack
from autoconnect.supervisor import Supervisor
from autoconnect.tables import table_csv

#: Milliseconds between checks of the services while no event of the job arrives.
_WATCH_MS = 500
#: Seconds that Redis may be away before a run gives up.
_PATIENCE_S = 30.0
#: Rejected rows shown after the tables.
_REJECTS_SHOWN = 10

Metrics = Mapping[str, Mapping[str, Any]]


def run(source: Path, settings: Settings, *, as_json: bool, export: Path | None) -> int:
    """Runs one job on the stack without the API, and prints the metrics; returns the exit code."""
    source = source.resolve()
    with tempfile.TemporaryDirectory(prefix="autoconnect-") as folder:
        overrides = {"DATA_DIR": str(source.parent), "UPLOAD_DIR": f"{folder}/uploads", "SOURCE": ""}
        # ERROR leaves out what `run` prints anyway, such as the reason for a failed job.
        overrides["LOG_LEVEL"] = os.environ.get(PREFIX + "LOG_LEVEL") or "ERROR"
        with local_stack(settings, Path(folder), overrides, with_api=False) as (supervisor, client):
            job_id = jobs.create_job(client, source.name, settings.result_ttl_s)
            with progress(quiet=as_json) as watch:
                job = _follow(client, supervisor, job_id, watch)
            completed = job.status is JobStatus.COMPLETED
            metrics = {name: _metric(client, job_id, name) for name in CATALOGUE} if completed else {}
            rejects = results.read_rejects(client, job_id, 0, MAX_REJECTS)
    if export:
        _export(metrics, rejects, export)
    if as_json:
        _print_json(job, metrics)
    else:
        _print_tables(job, metrics, rejects)
    return 0 if completed else 1


def up(settings: Settings, state: Path = Path(".autoconnect")) -> None:
    """Runs the stack with the API until it is interrupted."""
    _check_port(settings)
    source = settings.source
    if source is None and (settings.data_dir / DEFAULT_SOURCE).is_file():
        source = DEFAULT_SOURCE
    overrides = {"SOURCE": source or "", "HOST": settings.host, "PORT": str(settings.port)}
    with local_stack(settings, state, overrides, with_api=True) as (supervisor, _):
        url = f"http://{_address(settings)}"
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


def _metric(client: Client, job_id: str, name: str) -> Mapping[str, Any]:
    table = results.read_metric(client, job_id, name)
    if table is None:
        raise AutoConnectError(f"The result of job {job_id} is no longer in Redis.")
    metric: Mapping[str, Any] = simplejson.loads(table, use_decimal=True)
    return metric


def _export(metrics: Metrics, rejects: Sequence[RejectedRow], folder: Path) -> None:
    tables = {name: table_csv(list(CATALOGUE[name].columns), table["rows"]) for name, table in metrics.items()}
    tables["rejects"] = table_csv(list(RejectedRow.model_fields), [reject.model_dump() for reject in rejects])
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in tables.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8", newline="")


def _print_json(job: Job, metrics: Metrics) -> None:
    rows = {name: table["rows"] for name, table in metrics.items()}
    document = {"job": job.model_dump(mode="json"), "metrics": rows}
    sys.stdout.write(simplejson.dumps(document, use_decimal=True) + "\n")


def _print_tables(job: Job, metrics: Metrics, rejects: Sequence[RejectedRow]) -> None:
    out = console()
    for name, table in metrics.items():
        show_table(out, name, list(CATALOGUE[name].columns), table["rows"], table.get("note", ""))
    if rejects:
        rows = [reject.model_dump() for reject in rejects[:_REJECTS_SHOWN]]
        show_table(out, f"first of {job.rows.rejected:,} rejected rows", list(RejectedRow.model_fields), rows, "")
    show_job(out, job)


def _address(settings: Settings) -> str:
    """Host and port as in a URL, with an IPv6 address in brackets."""
    host = settings.listen_host
    return f"[{host}]:{settings.port}" if ":" in host else f"{host}:{settings.port}"


def _check_port(settings: Settings) -> None:
    host, port = settings.listen_host, settings.port
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        raise AutoConnectError(
            f"Cannot listen on {_address(settings)}: {error.strerror}; choose another port with --port."
        ) from None
