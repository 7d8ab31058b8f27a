"""Routes that tell whether the process is alive, and whether it can serve.

They are async because they never wait: a thread might not be free.
"""

from fastapi import APIRouter

from api.answers import Health
from api.dependencies import Watch

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live", summary="Check that the process answers")
async def live() -> Health:
    """Succeeds if the process answers."""
    return Health(status="alive")


@router.get("/ready", summary="Check that Redis answers")
async def ready(watch: Watch) -> Health:
    """Succeeds if Redis answers, too."""
    watch.check_ready()
    return Health(status="ready")
