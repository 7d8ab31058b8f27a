"""Dependencies of the routes: Redis, the settings, the folders of sources, the computations.

They are async because they never wait: FastAPI would run a sync dependency in a thread.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Depends, Request

from api.computations import Computations
from api.drawing import Drawing
from api.events import Events
from api.http_durations import HttpDurations
from api.kept_answers import KeptAnswers
from api.redis_watch import RedisWatch
from api.source_files import SourceFiles
from autoconnect.broker.connection import Client
from autoconnect.settings import Settings
from autoconnect.sources.local import Folders

Read = Callable[[Request], Awaitable[Any]]


def _state(name: str) -> Read:
    """Reads what the application keeps under a name."""

    async def read(request: Request) -> Any:
        return getattr(request.app.state, name)

    return read


def _state_that_needs_redis(name: str) -> Read:
    """Reads the same, and lets the request wait for Redis; raises BrokerSilent if that does not answer already."""

    async def read(request: Request) -> Any:
        request.app.state.redis_watch.check_answers()
        request.app.state.waiting.add(request)
        return getattr(request.app.state, name)

    return read


Redis = Annotated[Client, Depends(_state_that_needs_redis("client"))]
Computing = Annotated[Computations, Depends(_state_that_needs_redis("computations"))]
#: The same, for computations that need no Redis.
ComputingAlone = Annotated[Computations, Depends(_state("computations"))]
Watching = Annotated[Events, Depends(_state("events"))]
Draws = Annotated[Drawing, Depends(_state("drawing"))]
Kept = Annotated[KeptAnswers, Depends(_state("kept_answers"))]
Measured = Annotated[HttpDurations, Depends(_state("http_durations"))]
Watch = Annotated[RedisWatch, Depends(_state("redis_watch"))]
Configured = Annotated[Settings, Depends(_state("settings"))]
SourceFolders = Annotated[Folders, Depends(_state("folders"))]
SendingFiles = Annotated[SourceFiles, Depends(_state("source_files"))]
