"""Receiving a file: whole, or not at all."""

import os
import tempfile
from pathlib import Path

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from api.problems import Problem


async def receive(request: Request, target: Path, max_bytes: int) -> bool:
    """Writes the request's body beside the target and renames it; returns whether that replaced a file.

    Raises Problem 413 where the body is larger than `max_bytes`.
    """
    too_large = Problem(413, f"The upload is larger than {max_bytes:,} bytes (AUTOCONNECT_MAX_UPLOAD_BYTES).")
    if int(request.headers.get("content-length", "0")) > max_bytes:
        raise too_large
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=".upload-", dir=target.parent)
    part = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            received = 0
            async for chunk in request.stream():
                received += len(chunk)
                if received > max_bytes:
                    raise too_large
                await run_in_threadpool(file.write, chunk)
            await run_in_threadpool(os.fsync, file.fileno())
        part.chmod(0o644)
        replaced = target.exists()
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return replaced
