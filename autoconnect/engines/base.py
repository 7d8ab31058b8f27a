"""What all engines have in common."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from autoconnect.client import Watcher
from autoconnect.core.dialect import DialectOptions
from autoconnect.core.table import Table
from autoconnect.models import Job
from autoconnect.settings import Settings


class Ended(NamedTuple):
    """A job that has ended.

    `metrics` has the unfiltered tables by name, and is empty unless the job completed. `rejects` has the first rejected
    rows.
    """

    job: Job
    metrics: Mapping[str, Table]
    rejects: Table


class Engine(Protocol):
    """Runs a job on one file."""

    def __call__(self, file: Path, settings: Settings, dialect: DialectOptions, watch: Watcher) -> Ended:
        """Run a job until it has completed or failed.

        `dialect` has the parts of the file's dialect that the user gives. Raises AutoConnectError if the engine cannot
        run the job.
        """
