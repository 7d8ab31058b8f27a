"""Runs a Redis-compatible server for one measurement outside AutoConnect's stack."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from autoconnect.local.embedded import EmbeddedServer
from autoconnect.local.supervisor import launch


@contextmanager
def running_server() -> Iterator[str]:
    """The URL of an empty embedded server with the settings of `make up`; it ends with the block."""
    with tempfile.TemporaryDirectory(prefix="autoconnect-") as folder:
        server = EmbeddedServer(Path(folder))
        process = launch(server.command)
        try:
            server.wait_until_it_answers(process)
            yield server.url
        finally:
            process.terminate()
            process.wait()
            server.clean_up()
