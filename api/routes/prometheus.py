"""The route that Prometheus scrapes: counters, queue depths, live workers, open jobs and memory of Redis."""

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from api.collectors import Counted, Process, State
from api.dependencies import Kept, Measured, Redis

router = APIRouter(tags=["health"])


class _PrometheusText(Response):
    media_type = CONTENT_TYPE_LATEST


@router.get("/metrics", summary="Scrape the counters", response_class=_PrometheusText)
def prometheus(client: Redis, kept: Kept, measured: Measured) -> Response:
    """Tells Prometheus the counters over the life of the data in Redis, and the state now."""
    registry = CollectorRegistry()
    for collector in (Counted(client), State(client), measured, Process(kept)):
        registry.register(collector)
    return _PrometheusText(generate_latest(registry))
