"""Builds the application from its routes, checks, errors and documentation pages."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from api import limits, pages, problems
from api.access import NEEDS_KEY, KeyCheck
from api.cubes import Cubes
from api.gate import Check, Gate, SecurityHeaders
from api.routes import health, jobs, metrics, prometheus, queue, sources
from autoconnect.broker.connection import connect
from autoconnect.models import API_PREFIX
from autoconnect.settings import Settings
from autoconnect.sources.local import Folders

_DESCRIPTION = f"""
Exact metrics per city from a CSV of car sales and rentals.

Submit a job with `POST {API_PREFIX}/jobs`. When it has completed, read its metrics from
`{API_PREFIX}/metrics/{{name}}`. Metrics are those of the newest completed job unless `job` names another one, and all
accept the same filters.
Errors are `application/problem+json` (RFC 9457).
"""


#: Methods and headers for web pages of the allowed origins (CORS_ORIGINS).
_CORS: dict[str, Any] = {
    "allow_methods": ["GET", "POST", "PUT", "DELETE"],
    "allow_headers": ["Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID", "X-API-Key"],
    "expose_headers": ["ETag", "Location", "Retry-After"],
}


class _Api(FastAPI):
    def openapi(self) -> dict[str, Any]:
        return problems.openapi(self)

    def build_middleware_stack(self) -> ASGIApp:
        """Adds the security headers around everything else, so that answers to unexpected errors have them, too."""
        return SecurityHeaders(super().build_middleware_stack())


def create_app(settings: Settings) -> FastAPI:
    """Creates the application. The Redis of the settings need not answer yet.

    Raises SettingsError if no Redis is set.
    """
    app = _Api(
        title="AutoConnect",
        version="1",
        summary="Car sales and rentals, city by city.",
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=_operation_id,
        responses=problems.RESPONSES,
    )
    app.state.settings = settings
    app.state.folders = Folders(settings.upload_dir, settings.data_dir)
    app.state.client = connect(settings.needed_redis_url())
    app.state.cubes = Cubes(app.state.client)
    dependencies = [NEEDS_KEY] if settings.api_key_for_reading else []
    for router in (jobs.router, sources.router, metrics.router, queue.router):
        app.include_router(router, prefix=API_PREFIX, dependencies=dependencies)
    app.include_router(prometheus.router, dependencies=dependencies)
    app.include_router(health.router)
    app.add_middleware(Gate, checks=list(_checks(settings)))
    if settings.origins:
        app.add_middleware(CORSMiddleware, allow_origins=settings.origins, **_CORS)
    problems.install(app)
    pages.install(app)

    @app.get("/", include_in_schema=False)
    def home() -> RedirectResponse:
        return RedirectResponse("/docs")

    return app


def _checks(settings: Settings) -> Iterator[Check]:
    """All checks, in order: the rate limit counts wrong keys, too, and bodies are checked only after the key."""
    if settings.rate_limit:
        yield limits.RateCheck(settings.rate_limit)
    if not settings.api_keys and "*" not in settings.origins:
        yield limits.HostCheck(settings.host, settings.origins)
    yield limits.OriginCheck(settings.origins)
    yield KeyCheck(settings.api_keys, for_reading=settings.api_key_for_reading)
    yield limits.check_body


def _operation_id(route: APIRoute) -> str:
    return route.name
