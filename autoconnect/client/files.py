"""Files that are sent to an API, or written from its answers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from autoconnect.client.connection import Connection
from autoconnect.errors import AutoConnectError, SourceUnusable


def upload(connection: Connection, file: Path, name: str | None) -> dict[str, Any]:
    """Send a file as a source; it is never in memory as a whole."""
    try:
        with file.open("rb") as content:
            return connection.call("PUT", "sources", name or file.name, content=content)
    except OSError as error:
        raise SourceUnusable(f"The file {str(file)!r} cannot be read: {error.strerror or error}.") from None


def save(connection: Connection, file: Path, path: Sequence[str], parameters: Mapping[str, str | list[str]]) -> Path:
    """Write an answer beside a file, then give it the file's name, so that the file is complete or not there."""
    part = file.with_name(f"{file.name}.part")
    try:
        answer = connection.open("GET", *path, params=parameters, headers={"Accept": "*/*"})
        with answer as response, part.open("wb") as target:
            for piece in response.iter_bytes():
                target.write(piece)
        part.replace(file)
    except OSError as error:
        raise AutoConnectError(f"The file {str(file)!r} cannot be written: {error.strerror or error}.") from None
    finally:
        part.unlink(missing_ok=True)
    return file
