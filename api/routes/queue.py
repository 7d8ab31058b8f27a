"""Routes that show the workers and the queues."""

from fastapi import APIRouter

from api.answers import Items
from api.dependencies import Redis
from autoconnect.broker import queues, workers
from autoconnect.models import Queue, Worker

router = APIRouter(tags=["queue"])


@router.get("/workers")
def list_workers(client: Redis) -> Items[Worker]:
    """The live workers and the batches that each has claimed."""
    return Items(items=workers.live_workers(client))


@router.get("/queues")
def list_queues(client: Redis) -> Items[Queue]:
    """The depth of each queue."""
    return Items(items=queues.queues(client))
