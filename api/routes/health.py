"""Routes that tell whether the process is alive, and whether it can serve."""

from fastapi import APIRouter

from api.answers import Health
from api.dependencies import Redis

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live")
def live() -> Health:
    """Succeeds if the process answers."""
    return Health(status="alive")


@router.get("/ready")
def ready(client: Redis) -> Health:
    """Succeeds if Redis answers, too."""
    client.ping()
    return Health(status="ready")
