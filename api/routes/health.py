"""Whether the process lives, and whether it can serve."""

from fastapi import APIRouter

from api.answers import Health
from api.dependencies import Redis

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live")
def live() -> Health:
    """The process answers."""
    return Health(status="alive")


@router.get("/ready")
def ready(client: Redis) -> Health:
    """Redis answers, too."""
    client.call("PING")
    return Health(status="ready")
