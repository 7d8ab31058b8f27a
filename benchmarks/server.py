"""A Redis-compatible server for one run of something that is measured beside our stack."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from autoconnect.embedded import EmbeddedServer
from autoconnect.supervisor import launch


@contextmanager
def running_server() -> Iterator[str]:
    """URL of an embedded server that is empty, set as that of `make up`, and is ended behind the block."""
    with tempfile.TemporaryDirectory(prefix="autoconnect-") as folder:
        server = EmbeddedServer(Path(folder))
        process = launch(server.command)
        try:
            server.wait_until_it_answers()
            yield server.url
        finally:
            process.terminate()
            process.wait()
            server.clean_up()
