"""A real Redis server, emptied before each test, and the services as objects that a test moves one step at a time.

The services, and tests that act as one (`client`), have the rights that services have in containers. `admin` may do
everything: what only a test needs, such as KEYS or CONFIG, goes over it.

The modules of EVERY_SERVER run on each server of `tests/servers.py`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from autoconnect.broker import keys
from autoconnect.broker.connection import Argument, Client, connect
from autoconnect.local.embedded import EmbeddedServer
from autoconnect.local.supervisor import launch
from autoconnect.settings import Settings
from tests import acl, servers
from tests.integration.stack import Serve, Stack
from tests.leftovers import leaked_keys
from tests.required import require
from tests.rights import rights_of_an_owner
from worker.group import GroupPolicy

#: What the broker needs of a server at least: rights, queues, commits, and leases.
EVERY_SERVER = (
    "test_acl",
    "test_faults_commits",
    "test_faults_deaths",
    "test_faults_workers",
    "test_flow",
    "test_publish",
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.module.__name__.endswith(EVERY_SERVER) and not metafunc.config.getoption("redis_server"):
        metafunc.parametrize("admin_url", [servers.EMBEDDED, *servers.SERVERS], indirect=True, scope="session")


@pytest.fixture(scope="session")
def admin_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    name = getattr(request, "param", servers.EMBEDDED)
    binary = servers.path(name) or require("redis-versions", f"{name} is not in {servers.FOLDER}")
    server = EmbeddedServer(tmp_path_factory.mktemp("redis"))
    server.command[0] = str(binary)
    process = launch(server.command)
    server.wait_until_it_answers(process)
    yield server.url
    process.terminate()
    process.wait()
    server.clean_up()


@pytest.fixture(scope="session")
def redis_url(admin_url: str) -> str:
    """The URL for services."""
    admin = connect(admin_url)
    acl.create_user(admin)
    admin.close()
    return acl.url_for_services(admin_url)


@pytest.fixture
def admin(admin_url: str) -> Iterator[Client]:
    """A client that may do everything."""
    admin = connect(admin_url)
    yield admin
    admin.close()


@pytest.fixture
def client(redis_url: str, admin: Client) -> Iterator[Client]:
    """A client with the rights of the services."""
    admin.call("FLUSHALL")
    admin.call("ACL", "LOG", "RESET")
    client = connect(redis_url)
    yield client
    client.close()


@pytest.fixture(autouse=True)
def _no_key_is_left_for_good(client: Client, admin: Client) -> Iterator[None]:
    """Every key of an ended job has a life time, except those of the published result."""
    yield
    open_jobs = [job_id.decode() for job_id in client.call("SMEMBERS", keys.OPEN)]
    lasting = [name for name in leaked_keys(admin) if not name.endswith(":claimed")]
    assert [name for name in lasting if not any(job_id in name for job_id in open_jobs)] == []


@pytest.fixture(autouse=True)
def _nothing_is_denied(client: Client, admin: Client) -> Iterator[None]:
    """`deploy/redis/services.acl` allows every command and key, even if a service would survive the refusal."""
    yield
    assert acl.denied(admin) == []


@pytest.fixture(autouse=True)
def _no_script_takes_more_than_1_mib(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Redis copies the arguments of a script before it checks whether it has memory for them."""
    run_script = Client.run_script
    too_large: dict[str, int] = {}

    def run_and_measure(client: Client, name: str, script_keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        size = sum(len(each if isinstance(each, bytes) else str(each).encode()) for each in (*script_keys, *arguments))
        if size > 1 << 20:
            too_large[name] = size
        return run_script(client, name, script_keys, arguments)

    monkeypatch.setattr(Client, "run_script", run_and_measure)
    yield
    assert too_large == {}


@pytest.fixture(autouse=True)
def _one_round_plans_and_feeds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow machine may need several rounds for a plan: only tests of that have them."""
    monkeypatch.setattr("orchestrator.loop._PLAN_S", 60)


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
    with ExitStack() as running:

        def make(**settings: Any) -> TestClient:
            app = create_app(Settings(**{**stack.settings.model_dump(), **settings}))
            return running.enter_context(TestClient(app, raise_server_exceptions=False))

        yield make
