"""A real Redis server, emptied before each test, and the services as objects that a test moves one step at a time."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from autoconnect.broker import keys
from autoconnect.broker.connection import Client, connect
from autoconnect.local.embedded import EmbeddedServer
from autoconnect.local.supervisor import launch
from autoconnect.settings import Settings
from tests.integration.stack import Serve, Stack
from tests.leftovers import leaked_keys
from tests.rights import rights_of_an_owner
from worker.group import GroupPolicy


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = EmbeddedServer(tmp_path_factory.mktemp("redis"))
    process = launch(server.command)
    server.wait_until_it_answers()
    yield server.url
    process.terminate()
    process.wait()
    server.clean_up()


@pytest.fixture
def client(redis_url: str) -> Iterator[Client]:
    client = connect(redis_url)
    client.call("FLUSHALL")
    yield client
    client.close()


@pytest.fixture(autouse=True)
def _no_key_is_left_for_good(client: Client) -> Iterator[None]:
    """Every key of an ended job has a life time, except those of the published result."""
    yield
    open_jobs = [job_id.decode() for job_id in client.call("SMEMBERS", keys.OPEN)]
    lasting = [name for name in leaked_keys(client) if not name.endswith(":claimed")]
    assert [name for name in lasting if not any(job_id in name for job_id in open_jobs)] == []


@pytest.fixture
def policy() -> GroupPolicy:
    """Workers commit each batch alone, so that tests can look at the state between two batches."""
    return GroupPolicy(seconds=0)


@pytest.fixture
def stack(client: Client, redis_url: str, tmp_path: Path, policy: GroupPolicy) -> Iterator[Stack]:
    stack = Stack(client, redis_url, tmp_path, policy)
    yield stack
    stack.close()


@pytest.fixture
def make_stack(client: Client, redis_url: str, tmp_path: Path, policy: GroupPolicy) -> Iterator[Callable[..., Stack]]:
    """Make stacks with other settings."""
    stacks: list[Stack] = []

    def make(**settings: object) -> Stack:
        stacks.append(Stack(client, redis_url, tmp_path, policy, **settings))
        return stacks[-1]

    yield make
    for stack in stacks:
        stack.close()


@pytest.fixture
def file_modes_apply() -> Iterator[None]:
    """File modes apply to the user who runs the tests, even to root."""
    with rights_of_an_owner():
        yield


@pytest.fixture
def serve(stack: Stack) -> Iterator[Serve]:
    """Make clients of an API with the stack's settings, some of them replaced."""
    clients: list[TestClient] = []

    def make(**settings: Any) -> TestClient:
        app = create_app(Settings(**{**stack.settings.model_dump(), **settings}))
        clients.append(TestClient(app, raise_server_exceptions=False))
        return clients[-1]

    yield make
    for client in clients:
        client.close()
