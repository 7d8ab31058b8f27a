"""Receives an uploaded file, whole or not at all."""

import fcntl
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from api.problems import Problem
from autoconnect.core.sniffer.kinds import START_BYTES, check_text
from autoconnect.errors import SelectionError, SourceError
from autoconnect.sources.local import Source
from autoconnect.sources.names import upload_path

_PREFIX = ".upload-"


@dataclass(frozen=True)
class Received:
    """A complete upload, as it was when it got its name, and whether it replaced a file."""

    source: Source
    replaced: bool


async def receive(request: Request, folder: Path, name: str, max_bytes: int) -> Received:
    """Writes the request's body to a file in the folder, then gives it its name.

    Raises Problem: 413 if the body is larger than `max_bytes`, 507 if it cannot be stored. Raises SelectionError if it
    is empty, or is not text.
    """
    if int(request.headers.get("content-length", "0")) > max_bytes:
        raise _too_large(max_bytes)
    try:
        file = await run_in_threadpool(_open_part, folder)
        try:
            async for chunk in _text_only(_limited(request, max_bytes)):
                await run_in_threadpool(file.write, chunk)
            return await run_in_threadpool(_put_in_place, file, folder, name)
        finally:
            await run_in_threadpool(_close, file)
    except OSError as error:
        raise Problem(507, f"The upload cannot be stored: {error.strerror}.") from None


def remove_leftovers(folder: Path) -> None:
    """Removes files of uploads whose process was killed, but not those of another live process."""
    for path in folder.glob(f"{_PREFIX}*"):
        with suppress(OSError), path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


async def _limited(request: Request, max_bytes: int) -> AsyncIterator[bytes]:
    """The chunks of the body; raises Problem 413 once they exceed `max_bytes`."""
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > max_bytes:
            raise _too_large(max_bytes)
        yield chunk


async def _text_only(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes; raises SelectionError if there are none, or as soon as the first ones are not text."""
    head = b""
    async for chunk in chunks:
        head += chunk
        if len(head) >= START_BYTES:
            break
    _check_head(head)
    yield head
    async for chunk in chunks:
        yield chunk


def _check_head(head: bytes) -> None:
    if not head:
        raise SelectionError(
            "body", "The upload has 0 bytes; expected a CSV file as the body, such as curl -T FILE sends it."
        )
    try:
        check_text(head[:START_BYTES])
    except SourceError as error:
        raise SelectionError("body", str(error)) from None


def _too_large(max_bytes: int) -> Problem:
    return Problem(413, f"The upload is larger than {max_bytes:,} bytes (AUTOCONNECT_MAX_UPLOAD_BYTES).")


def _open_part(folder: Path) -> IO[bytes]:
    """Opens a new file, which stays locked while it is open."""
    folder.mkdir(parents=True, exist_ok=True)
    while True:
        file = tempfile.NamedTemporaryFile(prefix=_PREFIX, dir=folder, delete=False)  # noqa: SIM115 - the caller closes it
        fcntl.flock(file.fileno(), fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink:
            return file
        file.close()  # removed as a leftover by a process that has just started


def _close(file: IO[bytes]) -> None:
    """Close the file, and remove it unless it has been renamed: freeing the blocks of a large one takes time."""
    with suppress(OSError):
        Path(file.name).unlink(missing_ok=True)
        file.close()


def _put_in_place(file: IO[bytes], folder: Path, name: str) -> Received:
    file.flush()
    os.fchmod(file.fileno(), 0o644)
    os.fsync(file.fileno())
    target = upload_path(folder, name)
    source = Source.of(target.name, os.fstat(file.fileno()), uploaded=True)
    replaced = target.is_file()
    os.replace(file.name, target)
    return Received(source, replaced)
