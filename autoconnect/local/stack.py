"""The whole stack on this machine: the services as processes, and an embedded server if no Redis is set."""

import fcntl
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from autoconnect.broker.connection import Client, connect
from autoconnect.errors import AutoConnectError, BrokerLoading, StateDamaged
from autoconnect.local import state
from autoconnect.local.embedded import EmbeddedServer
from autoconnect.local.supervisor import Supervisor
from autoconnect.logs import say
from autoconnect.settings import PREFIX

#: Seconds between questions to a Redis that loads its data.
_PING_EVERY_S = 0.1


@contextmanager
def local_stack(
    folder: Path,
    overrides: Mapping[str, str],
    *,
    redis_url: str | None,
    workers: int,
    with_api: bool,
    start_server: Callable[[Supervisor, EmbeddedServer], None] = Supervisor.start_server,
) -> Iterator[tuple[Supervisor, Client]]:
    """Start the services in the order of the flow, and stop them after the block.

    `folder` keeps the state of an embedded server, which runs if `redis_url` is None; `overrides` are settings of the
    services by name, without the prefix. Raises AutoConnectError if Redis does not answer or cannot be started, or the
    folder is in use.
    """
    with ExitStack() as stack:
        server = None
        if redis_url is None:
            with state.usable(folder):
                _lock(stack, folder)
                server = EmbeddedServer(folder / "redis")
            stack.callback(server.clean_up)
            redis_url = server.url
        variables = {PREFIX + name: value for name, value in {"REDIS_URL": redis_url, **overrides}.items()}
        supervisor = Supervisor({**os.environ, **variables})
        stack.callback(supervisor.stop)
        if server:
            with state.usable(folder):
                start_server(supervisor, server)
        client = connect(redis_url)
        stack.callback(client.close)
        _wait_while_loading(client)
        for service in ["orchestrator", *["worker"] * workers, "aggregator", *(["api"] if with_api else [])]:
            supervisor.start(service, [sys.executable, "-m", f"{service}.main"])
        yield supervisor, client


def start_or_repair(supervisor: Supervisor, server: EmbeddedServer) -> None:
    """Start the server. If it cannot load its data, repair the data and, if that is not enough, start empty."""
    try:
        supervisor.start_server(server)
    except StateDamaged as damaged:
        supervisor.stop()
        say(state.repair(server.folder, damaged, server.binary))
    else:
        say(f"Redis can load its data in {server.folder}; nothing was repaired.")
        return
    try:
        supervisor.start_server(server)
    except StateDamaged:
        supervisor.stop()
        say(state.set_aside(server.folder))
        supervisor.start_server(server)


def _wait_while_loading(client: Client) -> None:
    """Return as soon as Redis answers; raise BrokerUnavailable if it does not, unless it still loads its data."""
    told = False
    while True:
        try:
            return client.ping()
        except BrokerLoading as loading:
            if not told:
                told = True
                say(f"{loading} AutoConnect starts when it has.")
            time.sleep(_PING_EVERY_S)


def _lock(stack: ExitStack, folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = stack.enter_context((folder / "lock").open("w"))
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise AutoConnectError(
            f"AutoConnect is already running with its state in {folder}; stop it, or start this one in another folder."
        ) from None
