"""The limit of cells of open jobs, which fits the memory of all services."""

from collections.abc import Sequence

import structlog

from autoconnect.broker import limits
from autoconnect.broker.connection import Client
from autoconnect.broker.limits import Announcement
from autoconnect.broker.waits import OpenJob
from autoconnect.errors import BrokerUnavailable
from autoconnect.service import Throttle
from autoconnect.settings import Settings

log: structlog.stdlib.BoundLogger = structlog.get_logger()


class CellLimit:
    """Announces the aggregator's memory, and lowers the limits of jobs that were planned before all services had."""

    def __init__(self, client: Client, settings: Settings) -> None:
        self._client = client
        self._settings = settings
        self._announcement = Announcement(client, "aggregator")
        self._renewal = Throttle(limits.RENEW_S)

    def tick(self, open_jobs: Sequence[OpenJob]) -> None:
        """Announce the memory, then check the limits of open jobs."""
        if self._renewal.is_due():
            self._announcement.renew()
        if self._settings.max_cells != "auto" or not open_jobs:
            return
        cells = limits.max_cells(self._client, "auto")
        for job in open_jobs:
            if job.max_cells and job.max_cells > cells and limits.lower_max_cells(self._client, job.id, cells):
                log.info("limit of cells lowered to fit the memory of all services", job=job.id, max_cells=cells)

    def leave(self) -> None:
        """Withdraw the announcement."""
        try:
            self._announcement.withdraw()
        except BrokerUnavailable as error:
            log.warning("redis unavailable", error=str(error))
