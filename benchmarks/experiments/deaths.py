"""The cost of deaths: the same job undisturbed, and with one of three workers killed every five seconds."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from autoconnect.broker import jobs, workers
from autoconnect.broker.connection import Client
from autoconnect.errors import AutoConnectError
from autoconnect.local.stack import local_stack
from autoconnect.local.supervisor import Supervisor
from autoconnect.local.temporary import temporary_folder
from autoconnect.models import Job, JobStatus
from autoconnect.settings import load_settings
from benchmarks.bench import Bench
from benchmarks.costs import Spread, rounded
from benchmarks.report import Table, say

_WORKERS = 3
_BATCHES = 200
_KILL_EVERY_S = 5.0
_TTL_S = 60
#: With the plain mapper, the job lasts long enough for several deaths.
_MAPPER = "plain"


def measure(bench: Bench) -> list[Table]:
    """Seconds of a job without and with deaths, and the extra time."""
    source = bench.file(bench.sizes.slow_rows)
    with _stack(source) as (supervisor, client):
        pairs = []
        for number in range(bench.sizes.scaling_rounds):
            pairs.append((_run(client, supervisor, source, kill=False), _run(client, supervisor, source, kill=True)))
            walls = " and ".join(f"{_seconds(job):.1f} s with {kills} kills" for job, kills in pairs[-1])
            say(f"deaths, round {number + 1} of {bench.sizes.scaling_rounds}: {walls}")
    calm, killed = ([_seconds(pair[index][0]) for pair in pairs] for index in (0, 1))
    lease_s = load_settings().lease_ms / 1_000
    extra = Spread.of(
        100 * (killed_s - lease_s - calm_s) / calm_s for calm_s, killed_s in zip(calm, killed, strict=True)
    )
    lines = [
        {"workers killed": "none", "kills": 0, **Spread.of(calm).columns("wall s", 1), "retried": 0},
        {
            "workers killed": f"one of {_WORKERS} every {_KILL_EVERY_S:.0f} s",
            "kills": sum(pair[1][1] for pair in pairs),
            **Spread.of(killed).columns("wall s", 1),
            "retried": sum(pair[1][0].batches.retried for pair in pairs),
        },
    ]
    note = (
        f"{bench.sizes.slow_rows:,} rows with the plain mapper, {_BATCHES} batches, {_WORKERS} workers. "
        f"Kills and retries are totals of all rounds. Extra time with kills, beyond one lease ({lease_s:.0f} s), in "
        f"percent of the undisturbed time: minimum {rounded(extra.least, 1)}, median {rounded(extra.median, 1)}, "
        f"maximum {rounded(extra.greatest, 1)}."
    )
    return [Table("Workers that die", lines, note)]


@contextmanager
def _stack(source: Path) -> Iterator[tuple[Supervisor, Client]]:
    with temporary_folder() as folder:
        overrides = {
            **{"DATA_DIR": str(source.parent.resolve()), "UPLOAD_DIR": f"{folder}/uploads", "SOURCE": ""},
            **{"LOG_LEVEL": "ERROR", "MAPPER": _MAPPER, "BATCH_BYTES": str(source.stat().st_size // _BATCHES + 1)},
        }
        services = local_stack(folder, overrides, redis_url=load_settings().redis_url, workers=_WORKERS, with_api=False)
        with services as (supervisor, client):
            while len(workers.live_workers(client)) < _WORKERS:
                supervisor.watch(timeout_s=0.1)
            yield supervisor, client


def _run(client: Client, supervisor: Supervisor, source: Path, *, kill: bool) -> tuple[Job, int]:
    """Run a job to its end; return the job and the number of workers killed meanwhile."""
    job_id = jobs.create_job(client, source.name, _TTL_S)
    next_kill, kills = time.monotonic() + _KILL_EVERY_S, count()
    while not (job := jobs.read_job(client, job_id)) or not job.status.ended:
        supervisor.watch(timeout_s=0.05)
        if kill and time.monotonic() > next_kill:
            _kill_oldest(client)
            next(kills)
            next_kill += _KILL_EVERY_S
    if job.status is not JobStatus.COMPLETED:
        raise AutoConnectError(f"The job of {source.name} is {job.status}: {job.error}")
    while len(workers.live_workers(client)) != _WORKERS:
        supervisor.watch(timeout_s=0.1)
    return job, next(kills)


def _kill_oldest(client: Client) -> None:
    oldest = min(workers.live_workers(client), key=lambda worker: worker.started_at)
    os.kill(oldest.pid, signal.SIGKILL)


def _seconds(job: Job) -> float:
    if job.duration_s is None:
        raise AutoConnectError(f"Job {job.id} never started.")
    return job.duration_s
