"""The engine `redis`: starts the services for one job, and a Redis server unless the settings name one."""

import os
import time
from pathlib import Path

from autoconnect.broker import jobs, results
from autoconnect.broker.connection import Client
from autoconnect.client import Watcher
from autoconnect.core.dialect import DialectOptions
from autoconnect.core.metrics import CATALOGUE
from autoconnect.core.partial import MAX_REJECTS
from autoconnect.core.table import Table
from autoconnect.engines.base import Ended
from autoconnect.errors import AutoConnectError, BrokerUnavailable
from autoconnect.local.stack import local_stack
from autoconnect.local.supervisor import Supervisor
from autoconnect.local.temporary import temporary_folder
from autoconnect.models import Job, JobStatus
from autoconnect.settings import PREFIX, Settings
from autoconnect.sources.names import source_name

#: Milliseconds between checks of the services while no event of the job arrives.
_WATCH_MS = 500
#: Seconds that Redis may be away before a run gives up.
_PATIENCE_S = 30.0


def run(file: Path, settings: Settings, dialect: DialectOptions, watch: Watcher) -> Ended:
    """Run a job on the services, without the API."""
    with temporary_folder() as folder:
        overrides = {"DATA_DIR": str(file.parent), "UPLOAD_DIR": f"{folder}/uploads", "SOURCE": ""}
        overrides |= {"ENGINE": settings.engine, "WORKERS": str(settings.workers)}
        overrides |= {"WEBHOOK_URL": "", "WEBHOOK_URL_FILE": ""}  # the user sees the job end
        # ERROR leaves out log lines that repeat what the job says, such as why it failed.
        overrides["LOG_LEVEL"] = os.environ.get(PREFIX + "LOG_LEVEL") or "ERROR"
        services = local_stack(
            folder, overrides, redis_url=settings.redis_url, workers=settings.worker_processes, with_api=False
        )
        with services as (supervisor, client):
            name = source_name(Path(file.name))
            job_id = jobs.create_job(
                client, name, settings.result_ttl_s, dialect=dialect, max_open=settings.max_open_jobs
            )
            job = _follow(client, supervisor, job_id, watch)
            completed = job.status is JobStatus.COMPLETED
            metrics = {name: _metric(client, job_id, name, settings) for name in CATALOGUE} if completed else {}
            return Ended(job, metrics, results.read_rejects(client, job_id, 0, MAX_REJECTS))


def _follow(client: Client, supervisor: Supervisor, job_id: str, watch: Watcher) -> Job:
    """Follow a job by its events until it ends; Redis may be away for _PATIENCE_S."""
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


def _metric(client: Client, job_id: str, name: str, settings: Settings) -> Table:
    table = results.read_metric(client, job_id, name, settings.fold_names)
    if table is None:
        raise AutoConnectError(f"The result of job {job_id} is no longer in Redis.")
    return table
