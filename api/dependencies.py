"""Dependencies of the routes: Redis, the settings, the folders of sources, the cubes.

They are async because they never wait: FastAPI would run a sync dependency in a thread.
"""

from typing import Annotated

from fastapi import Depends, Request

from api.cubes import Cubes
from autoconnect.broker.connection import Client
from autoconnect.settings import Settings
from autoconnect.sources.local import Folders


async def _client(request: Request) -> Client:
    client: Client = request.app.state.client
    return client


async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


async def _folders(request: Request) -> Folders:
    folders: Folders = request.app.state.folders
    return folders


async def _cubes(request: Request) -> Cubes:
    cubes: Cubes = request.app.state.cubes
    return cubes


Redis = Annotated[Client, Depends(_client)]
Configured = Annotated[Settings, Depends(_settings)]
SourceFolders = Annotated[Folders, Depends(_folders)]
Results = Annotated[Cubes, Depends(_cubes)]
