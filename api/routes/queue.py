"""Routes that show the workers and the queues."""

from fastapi import APIRouter

from api.answers import Items
from api.dependencies import Redis
from autoconnect.broker import queues, workers
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
