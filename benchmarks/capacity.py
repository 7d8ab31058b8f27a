"""Measures the memory that a cell takes in Redis and in each service: `python -m benchmarks.capacity`.

The figures of `autoconnect/core/capacity.py` come from here. Every cell has a model of its own, which is the worst
case, and every batch has all cells, so that the aggregator has the most to merge. Each size gets a stack of its own,
whose processes have never held anything else.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import httpx2
import typer

from autoconnect.broker import server
from autoconnect.broker.connection import Client
from autoconnect.broker.keys import JobKeys
from autoconnect.core.metrics import CATALOGUE
from autoconnect.errors import AutoConnectError
from autoconnect.local.stack import local_stack
from autoconnect.local.temporary import temporary_folder
from autoconnect.models import API_PREFIX
from benchmarks import processes
from benchmarks.ours import free_port
from benchmarks.report import Table, say

#: Processes by the row that they are shown in. The aggregator has a child process.
_COMMANDS = {
    "worker": ["-m worker.main"],
    "aggregator": ["-m aggregator.main", "-m aggregator.child"],
    "api": ["-m api.main"],
}
#: Models of a job that shows what a service needs without cells.
_FEW = 1_000
#: Batches of a job, each with all of its models.
_BATCHES = 6
_TIMEOUT_S = 600.0
_NOTE = "Peaks of resident memory, in MiB. The last two columns are a line above all of them."
_HEADER = "transaction_id,date,ville,type,modele,prix,duree_location_mois\n"
#: Requests that hold the most memory: each computes a table of all models from the whole cube.
_PATHS = (
    *(f"metrics/{name}?from=2000-01" for name in CATALOGUE),
    *("models", "cities", "query?group_by=model,city,day&limit=100000", "metrics/rental-duration?format=csv"),
)


@dataclass(frozen=True)
class Peaks:
    """The peak memory of each service for a job with `models` models; the bytes of its result, and of all of Redis."""

    models: int
    services: dict[str, int]
    result_bytes: int
    redis_bytes: int


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    models: Annotated[str, typer.Option(help="Numbers of models, separated by commas.")] = "100000,200000,400000",
) -> None:
    """Measure, and print a table."""
    processes.check_system()
    few, *many = [_measure(number) for number in (_FEW, *map(int, models.split(",")))]
    Table("Memory of services", [_service(name, few, many) for name in _COMMANDS], _NOTE).show()
    Table("A result in Redis", [_result(peaks) for peaks in many]).show()


def _service(name: str, few: Peaks, many: Sequence[Peaks]) -> dict[str, str | int]:
    """The line from the first size to the last one, moved up to lie above all others."""
    first, last = many[0], many[-1]
    per_cell = (last.services[name] - first.services[name]) / (last.models - first.models)
    base = max(peaks.services[name] - per_cell * peaks.models for peaks in (few, *many))
    peaks_mib = {f"{peaks.models:,} cells": peaks.services[name] >> 20 for peaks in (few, *many)}
    return {"service": name, **peaks_mib, "MiB": round(base / (1 << 20)), "and bytes a cell": round(per_cell)}


def _result(peaks: Peaks) -> dict[str, str | int]:
    return {
        "cells": f"{peaks.models:,}",
        "bytes a cell": peaks.result_bytes // peaks.models,
        "bytes a cell that Redis uses": peaks.redis_bytes // peaks.models,
    }


def _measure(models: int) -> Peaks:
    with temporary_folder() as folder:
        source = folder / "models.csv"
        with source.open("w") as file:
            file.write(_HEADER)
            for _ in range(_BATCHES):
                file.writelines(_rows(models))
        with _running(folder, source) as (client, http):
            pids = {name: list(_pids(fragments)) for name, fragments in _COMMANDS.items()}
            before = server.read_memory(client).used
            job_id = _run(http, source.name)
            used = server.read_memory(client).used - before
            for path in _PATHS:
                http.get(f"{API_PREFIX}/{path}").raise_for_status()
            services = {name: processes.peak_bytes(of_service) for name, of_service in pids.items()}
            size = int(client.call("HGET", JobKeys(job_id).job, "result_bytes"))
    say(f"{models:,} models: " + ", ".join(f"{name} {peak >> 20} MiB" for name, peak in services.items()))
    return Peaks(models, services, size, used)


def _rows(models: int) -> Iterator[str]:
    for number in range(models):
        kind, months = ("location", number % 36 + 1) if number % 2 else ("vente", "")
        day = f"2024-{number % 12 + 1:02}-{number % 28 + 1:02}"
        model = f"Modele {number * 7919 % 1_000_003} GT"
        yield f"{number},{day},Ville {number % 5},{kind},{model},{number % 99_999}.5,{months}\n"


@contextmanager
def _running(folder: Path, source: Path) -> Iterator[tuple[Client, httpx2.Client]]:
    port = free_port()
    overrides = {
        **{"DATA_DIR": str(source.parent), "UPLOAD_DIR": f"{folder}/uploads", "SOURCE": "", "LOG_LEVEL": "WARNING"},
        **{"HOST": "127.0.0.1", "PORT": str(port), "MAX_CELLS": str(10**9)},
        "BATCH_BYTES": str(-(-source.stat().st_size // _BATCHES)),
    }
    with (
        local_stack(folder / "state", overrides, redis_url=None, workers=1, with_api=True) as (_, client),
        httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=_TIMEOUT_S) as http,
    ):
        _wait_until(lambda: _workers(http) == 1)
        yield client, http


def _workers(http: httpx2.Client) -> int:
    try:
        return len(http.get(f"{API_PREFIX}/workers").json()["items"])
    except httpx2.TransportError:
        return 0


def _run(http: httpx2.Client, source: str) -> str:
    job_id: str = http.post(f"{API_PREFIX}/jobs", json={"source": source}).raise_for_status().json()["id"]

    def has_ended() -> bool:
        job = http.get(f"{API_PREFIX}/jobs/{job_id}").json()
        if job["status"] == "failed":
            raise AutoConnectError(f"The job failed: {job['error']}")
        return bool(job["status"] == "completed")

    _wait_until(has_ended)
    return job_id


def _wait_until(check: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _TIMEOUT_S
    while not check():
        if time.monotonic() > deadline:
            raise AutoConnectError(f"The stack takes longer than {_TIMEOUT_S:.0f} s; its messages are above.")
        time.sleep(0.2)


def _pids(fragments: Sequence[str]) -> Iterator[int]:
    for pid in processes.tree():
        if any(fragment in processes.command(pid) for fragment in fragments):
            yield pid


if __name__ == "__main__":
    app()
