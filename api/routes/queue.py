"""What goes on inside: the workers and the queues."""

from fastapi import APIRouter

from api.answers import Items
from api.dependencies import Redis
from autoconnect.broker import queues, workers
from autoconnect.models import Queue, Worker

router = APIRouter(tags=["queue"])


@router.get("/workers")
def list_workers(client: Redis) -> Items[Worker]:
    """The workers that are alive, and what each works on."""
    return Items(items=workers.live_workers(client))


@router.get("/queues")
def list_queues(client: Redis) -> Items[Queue]:
    """How many wait where."""
    return Items(items=queues.queues(client))
