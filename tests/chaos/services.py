"""What the processes of the services run, once they are forked."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import aggregator.main
import api.main
import orchestrator.main
import worker.main
from autoconnect.service import run_service
from autoconnect.settings import PREFIX
from tests.chaos.leashed import die_with_parent

_SERVES = {
    "orchestrator": orchestrator.main.serve,
    "worker": worker.main.serve,
    "aggregator": aggregator.main.serve,
    "api": api.main.serve,
}


def serve(service: str, settings: Mapping[str, str], log: Path) -> None:
    """What `python -m SERVICE.main` does, with these settings and no others, and all that it says in a file."""
    die_with_parent()
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]
    os.environ.update(settings)
    with log.open("ab") as file:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(file.fileno(), stream.fileno())
    sys.exit(run_service(service, _SERVES[service]))
