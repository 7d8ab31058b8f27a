"""The entry point of the services' forked processes."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import aggregator.loop
import aggregator.main
import api.main
import orchestrator.loop
import orchestrator.main
import worker.main
from autoconnect.broker import staging, workers
from autoconnect.service import run_service
from autoconnect.settings import PREFIX
from tests.chaos.leashed import die_with_parent

_SERVES = {
    "orchestrator": orchestrator.main.serve,
    "worker": worker.main.serve,
    "aggregator": aggregator.main.serve,
    "api": api.main.serve,
}

#: Milliseconds until a slow batch is backed up; with the default of 3 s, a run would have no backups.
_BACK_UP_MS = 250
#: Milliseconds until a dead worker is forgotten, an hour by default; longer than the clock jumps.
_FORGET_MS = 120_000
#: Bytes of partials above which a job is large, 4 MiB by default, and bytes above which values are staged, 1 MiB.
_SMALL_BYTES, _ARGUMENT_BYTES = 512 << 10, 128 << 10


def serve(service: str, settings: Mapping[str, str], log: Path) -> None:
    """Do what `python -m SERVICE.main` does, with these settings only and all output in a file."""
    die_with_parent()
    orchestrator.loop._BACK_UP_MS = _BACK_UP_MS
    aggregator.loop.SMALL_BYTES, staging.MAX_ARGUMENT_BYTES = _SMALL_BYTES, _ARGUMENT_BYTES
    workers._FORGET_MS, workers._NOTE_MS = _FORGET_MS, _FORGET_MS // 10
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]
    os.environ.update(settings)
    with log.open("ab") as file:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(file.fileno(), stream.fileno())
    sys.exit(run_service(service, _SERVES[service]))
