"""The whole stack on this machine: the services as processes, and an embedded server if no Redis is set."""

import fcntl
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from autoconnect.broker.connection import Client, connect
from autoconnect.errors import AutoConnectError
from autoconnect.local.embedded import EmbeddedServer
from autoconnect.local.supervisor import Supervisor
from autoconnect.settings import PREFIX


@contextmanager
def local_stack(
    state: Path, overrides: Mapping[str, str], *, redis_url: str | None, workers: int, with_api: bool
) -> Iterator[tuple[Supervisor, Client]]:
    """Start the services in the order of the flow, and stop them after the block.

    `state` is the folder of the data of an embedded server, which runs if `redis_url` is None; `overrides` are settings
    of the services by name, without the prefix. Raises AutoConnectError if Redis does not answer or cannot be started,
    or the folder is in use.
    """
    with ExitStack() as stack:
        server = None
        if redis_url is None:
            _lock(stack, state)
            server = EmbeddedServer(state / "redis")
            stack.callback(server.clean_up)
            redis_url = server.url
        variables = {PREFIX + name: value for name, value in {"REDIS_URL": redis_url, **overrides}.items()}
        supervisor = Supervisor({**os.environ, **variables})
        stack.callback(supervisor.stop)
        if server:
            supervisor.start("redis", server.command, stops_last=True)
            server.wait_until_it_answers()
        client = connect(redis_url)
        stack.callback(client.close)
        client.ping()
        for service in ["orchestrator", *["worker"] * workers, "aggregator", *(["api"] if with_api else [])]:
            supervisor.start(service, [sys.executable, "-m", f"{service}.main"])
        yield supervisor, client


def _lock(stack: ExitStack, state: Path) -> None:
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = stack.enter_context((state / "lock").open("w"))
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise AutoConnectError(
            f"AutoConnect is already running with its state in {state}; stop it, or start this one in another folder."
        ) from None
