"""Builds the application from its routes, checks, errors and documentation pages."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from api import dashboard, limits, pages, problems
from api.access import NEEDS_KEY, KeyCheck
from api.announcement import Announcer
from api.changes import ChangeLog
from api.computations import Computations
from api.cubes import Cubes
from api.description import describe
from api.drawing import Drawing
from api.drawing_library import DrawingLibrary
from api.early_read import READER
from api.events import Events
from api.gate import Check, Gate, SecurityHeaders
from api.http_durations import HttpDurations
from api.kept_answers import KeptAnswers, kept_bytes
from api.methods import Methods
from api.observing import Observing
from api.parameters import Parameters, check_parameters
from api.proxies import Proxies
from api.redis_watch import RedisWatch, WatchedClient
from api.room import spare_bytes
from api.route_table import RouteTable
from api.routes import charts, events, health, jobs, metrics, prometheus, queue, reports, sources
from api.source_files import SourceFiles
from api.versioned import VersionedAnswers
from api.waiting import Answers, Waiting
from autoconnect.broker.result_reader import ResultReader
from autoconnect.errors import BrokerSilent
from autoconnect.memory import memory_limit
from autoconnect.models import API_PREFIX
from autoconnect.settings import Settings
from autoconnect.sources.local import Folders

_DESCRIPTION = f"""
Exact metrics per city from a CSV of car sales and rentals.

Submit a job with `POST {API_PREFIX}/jobs`. When it has completed, read its metrics from
`{API_PREFIX}/metrics/{{name}}`. Metrics are those of the published result unless `job` names another one, and all
accept the same filters.
Errors are `application/problem+json` (RFC 9457).
"""


#: Methods and headers for web pages of the allowed origins (CORS_ORIGINS).
_CORS: dict[str, Any] = {
    "allow_methods": ["GET", "POST", "PUT", "DELETE"],
    "allow_headers": ["Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID", "X-API-Key", "X-Request-ID"],
    "expose_headers": [
        *("Content-Disposition", "ETag", "Location", "Retry-After"),
        *("X-Request-ID", "X-Result-Version", "X-Truncated"),
    ],
}


class _Api(FastAPI):
    def openapi(self) -> dict[str, Any]:
        return describe(self)

    def build_middleware_stack(self) -> ASGIApp:
        """Adds layers around everything else, so that answers to unexpected errors pass them, too."""
        settings: Settings = self.state.settings
        observed = Observing(SecurityHeaders(super().build_middleware_stack()), self.state.http_durations)
        if not (settings.proxies or settings.root_path):
            return observed
        return Proxies(observed, settings.proxies, settings.root_path or "")


def create_app(settings: Settings, memory_bytes: int | None = None) -> FastAPI:
    """Creates the application. The Redis of the settings need not answer yet.

    The process may use `memory_bytes`, by default as many as the system lets it. Raises SettingsError if no Redis is
    set.
    """
    app = _Api(
        title="AutoConnect",
        version="1",
        summary="Car sales and rentals, city by city.",
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        servers=[{"url": settings.root_path}] if settings.root_path else None,
        generate_unique_id_function=_operation_id,
        responses=problems.RESPONSES,
        dependencies=[Depends(check_parameters)],
        lifespan=_watch_redis,
    )
    app.state.settings = settings
    app.state.folders = Folders(settings.upload_dir, settings.data_dir, has_ctime=settings.has_source_ctime)
    app.state.source_files = SourceFiles()
    app.state.redis_watch = RedisWatch(settings.needed_redis_url())
    app.state.waiting = Waiting()
    app.state.client = WatchedClient(settings.needed_redis_url(), app.state.redis_watch)
    spare = spare_bytes(memory_limit().bytes if memory_bytes is None else memory_bytes)
    app.state.result_reader = ResultReader(settings.needed_redis_url())
    app.state.kept_answers = KeptAnswers(kept_bytes(settings.answer_cache_bytes, spare))
    spare -= app.state.kept_answers.size
    app.state.computations = Computations(Cubes(app.state.client, spare // 2, settings.fold_names), spare // 2)
    app.state.drawing = Drawing()
    app.state.drawing_library = DrawingLibrary()
    app.state.events = Events(app.state.client)
    dependencies = [NEEDS_KEY] if settings.api_key_for_reading else []
    # Routes are tried in order: those that are called most come first.
    routers = (metrics, charts, jobs, reports, events, sources, queue)
    for router in (module.router for module in routers):
        app.include_router(router, prefix=API_PREFIX, dependencies=dependencies)
    app.include_router(prometheus.router, dependencies=dependencies)
    app.include_router(health.router)
    app.add_middleware(Answers, waiting=app.state.waiting)
    app.add_middleware(ChangeLog)
    app.add_middleware(
        VersionedAnswers,
        reader=app.state.result_reader,
        kept=app.state.kept_answers,
        makes_with=settings.fold_names,
        cache_control="private, no-cache" if settings.api_key_for_reading else "no-cache",
    )
    app.add_middleware(Methods)
    app.add_middleware(Gate, checks=list(_checks(settings)))
    if settings.origins:
        app.add_middleware(CORSMiddleware, allow_origins=settings.origins, **_CORS)
    problems.install(app)
    pages.install(app)
    dashboard.install(app)
    app.state.parameters = Parameters(app.openapi())
    app.state.route_table = RouteTable(app.routes)
    app.state.http_durations = HttpDurations(app.state.route_table)
    return app


@asynccontextmanager
async def _watch_redis(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    """Watches Redis while the application serves, and tells it the memory of this process; yields the ASGI state."""
    loop, watch = asyncio.get_running_loop(), app.state.redis_watch

    def on_silence(error: BrokerSilent) -> None:
        app.state.client.start_over()
        loop.call_soon_threadsafe(app.state.result_reader.give_up)
        loop.call_soon_threadsafe(app.state.waiting.refuse, error)

    await run_in_threadpool(watch.start, on_silence)
    announcer = Announcer(app.state.client)
    announcer.start()
    reading = loop.create_task(app.state.result_reader.run())
    yield {READER: app.state.result_reader}
    app.state.result_reader.stop()
    await reading
    await app.state.drawing.end()
    await app.state.drawing_library.end()
    await app.state.events.end()
    await run_in_threadpool(announcer.stop)
    await run_in_threadpool(watch.stop)


def _checks(settings: Settings) -> Iterator[Check]:
    """All checks, in order: the rate limit counts wrong keys, too, and bodies are checked only after the key."""
    if settings.rate_limit:
        yield limits.RateCheck(settings.rate_limit)
    yield limits.check_head
    if not settings.api_keys:
        yield limits.HostCheck(settings.host, settings.origins)
    yield limits.OriginCheck(settings.origins)
    yield KeyCheck(settings.api_keys, for_reading=settings.api_key_for_reading)
    yield limits.check_body


def _operation_id(route: APIRoute) -> str:
    return route.name
