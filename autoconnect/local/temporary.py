"""Temporary folders. Each start removes those of processes that were killed.

A folder belongs to the process that holds the lock on a file in it. The lock ends with the process, however it ends.
"""

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

_PREFIX = "autoconnect-"
#: Only folders with a file of this name are removed: others with the prefix may be a user's.
_LOCK = "autoconnect-owner.lock"


@contextmanager
def temporary_folder(parent: Path | None = None) -> Iterator[Path]:
    """A new folder that only this user can enter, in the system's folder for such ones unless `parent` is given.

    It is removed after the block or, after a kill, by the next start of a process that uses the same parent.
    """
    parent = parent or Path(tempfile.gettempdir())
    parent.mkdir(parents=True, exist_ok=True)
    for folder in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # another process uses it, or has removed it meanwhile
            _remove_if_abandoned(folder)
    folder, lock = _new_folder(parent)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.close()


def _new_folder(parent: Path) -> tuple[Path, IO[str]]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        if lock := _lock(folder / _LOCK):
            return folder, lock


def _lock(path: Path) -> IO[str] | None:
    """Create and lock a file; None if another start has removed the folder, which had no locked file yet."""
    with suppress(FileNotFoundError, BlockingIOError), ExitStack() as undo:
        lock = undo.enter_context(path.open("x"))
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(lock.fileno()), path.stat()):
            undo.pop_all()
            return lock
    return None


def _remove_if_abandoned(folder: Path) -> None:
    """Remove a folder that no living process owns; raise OSError if one does."""
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        return
    try:
        with (folder / _LOCK).open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder)
    except FileNotFoundError:
        if stat.S_IMODE(status.st_mode) == stat.S_IRWXU:
            folder.rmdir()  # its process was killed before it made the file; this fails if anything is in it
