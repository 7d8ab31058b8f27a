"""Receives an uploaded file, whole or not at all."""

import fcntl
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from api.problems import Problem
from autoconnect.sources.local import Source

_PREFIX = ".upload-"


@dataclass(frozen=True)
class Received:
    """A complete upload, as it was when it got its name, and whether it replaced a file."""

    source: Source
    replaced: bool


async def receive(request: Request, target: Path, max_bytes: int) -> Received:
    """Writes the request's body to a file beside the target, then renames it.

    Raises Problem: 413 if the body is larger than `max_bytes`, 507 if it cannot be stored.
    """
    too_large = Problem(413, f"The upload is larger than {max_bytes:,} bytes (AUTOCONNECT_MAX_UPLOAD_BYTES).")
    if int(request.headers.get("content-length", "0")) > max_bytes:
        raise too_large
    try:
        with await run_in_threadpool(_open_part, target.parent) as file:
            received = 0
            try:
                async for chunk in request.stream():
                    received += len(chunk)
                    if received > max_bytes:
                        raise too_large
                    await run_in_threadpool(file.write, chunk)
                return await run_in_threadpool(_put_in_place, file, target)
            finally:
                Path(file.name).unlink(missing_ok=True)
    except OSError as error:
        raise Problem(507, f"The upload cannot be stored: {error.strerror}.") from None


def remove_leftovers(folder: Path) -> None:
    """Removes files of uploads whose process was killed, but not those of another live process."""
    for path in folder.glob(f"{_PREFIX}*"):
        with suppress(OSError), path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


def _open_part(folder: Path) -> IO[bytes]:
    """Opens a new file, which stays locked while it is open."""
    folder.mkdir(parents=True, exist_ok=True)
    while True:
        file = tempfile.NamedTemporaryFile(prefix=_PREFIX, dir=folder, delete=False)  # noqa: SIM115 - the caller closes it
        fcntl.flock(file.fileno(), fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink:
            return file
        file.close()  # removed as a leftover by a process that has just started


def _put_in_place(file: IO[bytes], target: Path) -> Received:
    file.flush()
    os.fchmod(file.fileno(), 0o644)
    os.fsync(file.fileno())
    source = Source.of(target.name, os.fstat(file.fileno()), uploaded=True)
    replaced = target.is_file()
    os.replace(file.name, target)
    return Received(source, replaced)
