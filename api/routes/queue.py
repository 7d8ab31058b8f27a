"""Routes that show the workers, the queues, and the state of the whole system."""

from fastapi import APIRouter

import autoconnect
from api.answers import Items, MemoryInfo, SystemInfo
from api.dependencies import Configured, Redis
from autoconnect.broker import queues, server, workers
from autoconnect.broker.connection import Client
from autoconnect.broker.server import Share
from autoconnect.models import Queue, Worker

router = APIRouter(tags=["queues"])


@router.get("/workers", summary="List the workers")
def list_workers(client: Redis) -> Items[Worker]:
    """Lists the live workers and the batches that each has claimed."""
    return Items(items=workers.live_workers(client))


@router.get("/queues", summary="List the queues")
def list_queues(client: Redis) -> Items[Queue]:
    """Lists the queues with their depths."""
    return Items(items=queues.queues(client))


@router.get("/system", summary="Read the state of the system")
def read_system(client: Redis, settings: Configured) -> SystemInfo:
    """Reads the version, the memory of Redis, and how long the oldest batch has been waiting."""
    wait_ms = queues.oldest_wait_ms(client)
    return SystemInfo(
        version=autoconnect.__version__,
        lease_ms=settings.lease_ms,
        oldest_wait_s=None if wait_ms is None else wait_ms / 1_000,
        memory=_memory(client),
    )


def _memory(client: Client) -> MemoryInfo:
    memory = server.read_memory(client)
    claim, commit = (memory.fits_below(0, share) if memory.maximum else None for share in (Share.CLAIM, Share.COMMIT))
    return MemoryInfo(
        used_bytes=memory.used, maximum_bytes=memory.maximum or None, claim_bytes=claim, commit_bytes=commit
    )
