"""Runs a Redis-compatible server for one measurement outside AutoConnect's stack."""

from collections.abc import Iterator
from contextlib import contextmanager

from autoconnect.local.embedded import EmbeddedServer
from autoconnect.local.supervisor import launch
from autoconnect.local.temporary import temporary_folder


@contextmanager
def running_server() -> Iterator[str]:
    """The URL of an empty embedded server with the settings of `make up`; it ends with the block."""
    with temporary_folder() as folder:
        server = EmbeddedServer(folder)
        process = launch(server.command)
        try:
            server.wait_until_it_answers(process)
            yield server.url
        finally:
            process.terminate()
            process.wait()
            server.clean_up()
