"""Dependencies of the routes: Redis, the settings, the cubes.

They are async because they never wait: FastAPI would run a sync dependency in a thread.
"""

from typing import Annotated

from fastapi import Depends, Request

from api.cubes import Cubes
from autoconnect.broker.connection import Client
from autoconnect.settings import Settings


async def _client(request: Request) -> Client:
    client: Client = request.app.state.client
    return client


async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


async def _cubes(request: Request) -> Cubes:
    cubes: Cubes = request.app.state.cubes
    return cubes


Redis = Annotated[Client, Depends(_client)]
Configured = Annotated[Settings, Depends(_settings)]
Results = Annotated[Cubes, Depends(_cubes)]
