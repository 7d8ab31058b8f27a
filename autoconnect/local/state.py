"""The data of the embedded server on disk: why the server cannot load it, and its repair.

A server keeps a snapshot (the base) and the commands since then (the increment) in a folder; its manifest names both.
Before version 7, servers keep all in one file.
"""

import errno
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from autoconnect.errors import AutoConnectError, StateDamaged

_FOLDER, _FILE = "appendonlydir", "appendonly.aof"
_MANIFEST = f"{_FILE}.manifest"
#: Words in which servers complain about their data.
_ABOUT_DATA = re.compile(r"append[- ]only|AOF|RDB|loading DB")
_FILE_NAME = re.compile(rf"{re.escape(_FILE)}\.[\w.]*\w")
#: Errors of the system that a repair of the data does not end.
_NO_ACCESS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EIO)
#: First bytes of a snapshot, by the kinds of servers.
_SNAPSHOTS = (b"REDIS", b"VALKEY")


@contextmanager
def usable(folder: Path) -> Iterator[None]:
    """Raise AutoConnectError, which says what to do, in place of an error of the system in the block."""
    try:
        yield
    except OSError as error:
        raise AutoConnectError(
            f"The state in {folder} cannot be used: {error.filename}: {error.strerror}. Let this user read and write "
            "all in that folder, or start in another one."
        ) from None


def check(folder: Path) -> None:
    """Raise StateDamaged if the server would start, but without some of the data in its folder."""
    data = folder / _FOLDER
    if not data.is_dir():
        return
    manifest = data / _MANIFEST
    if not manifest.exists():
        # At the first start, the server writes an empty snapshot before the manifest.
        files = [file for file in data.glob(f"{_FILE}.*") if not file.name.startswith(f"{_FILE}.1.base.")]
        if any(file.stat().st_size for file in files):
            raise _damaged(manifest, "is missing")
        return
    for base in _named_in_manifest(data, "b"):
        if base.suffix == ".rdb" and base.exists() and base.stat().st_size == 0:
            raise _damaged(base, "is empty")


def find_damage(folder: Path, complaints: Sequence[str]) -> StateDamaged | None:
    """The damage that the last of a server's complaints is about; None if it is not about its data."""
    reason = complaints[-1] if complaints else ""
    if not _ABOUT_DATA.search(reason) or any(os.strerror(number) in reason for number in _NO_ACCESS):
        return None
    file = _named_file(folder, reason)
    words = reason.partition(": make a backup")[0][:120]  # what follows is advice that does not fit, or data
    cannot_read = "Bad file format" in reason
    if any("Can't handle RDB format" in complaint for complaint in complaints) or (cannot_read and _is_snapshot(file)):
        return _damaged(file, f"was written by another kind or a newer version of the server ({words})")
    return _damaged(file, f"is damaged ({words})", can_be_cut=cannot_read and _is_last(file))


def repair(folder: Path, damaged: StateDamaged, server: str) -> str:
    """Keep a copy of the data, then cut the damaged file off or, if that is impossible, start empty.

    `server` is the path of the server's binary. Returns what was done, as a sentence. Raises AutoConnectError, and
    changes nothing, if the copy cannot be made.
    """
    if not damaged.can_be_cut:
        return set_aside(folder)
    size = damaged.file.stat().st_size
    copy = _copy(_data(folder))
    # A server is its own tool for repairs, if it is called so.
    tool = [Path(server).name.replace("server", "check-aof"), "--fix", str(damaged.file)]
    subprocess.run(tool, executable=server, input=b"y\n", capture_output=True, check=False)
    rest = damaged.file.stat().st_size
    if rest == size:
        return set_aside(folder)
    return (
        f"{damaged.file} was cut off at {rest:,} of {size:,} bytes: what was stored after that is lost. "
        f"The damaged data is kept in {copy}."
    )


def set_aside(folder: Path) -> str:
    """Let the server start empty, and keep the data; returns what was done, as a sentence."""
    data = _data(folder)
    kept = data.rename(_unused_name(data))
    return f"Redis starts empty; all jobs and results before are lost. The damaged data is kept in {kept}."


def _damaged(file: Path, fault: str, *, can_be_cut: bool = False) -> StateDamaged:
    means, lost = ("starts empty", "all jobs and results")
    if can_be_cut:
        means, lost = ("cuts this file off at the damage", "the jobs and results after it")
    return StateDamaged(
        f"Redis cannot load its data: {file} {fault}. `autoconnect up --repair-state` keeps a copy of the data and "
        f"{means}: {lost} are lost, but can be computed again from the sources.",
        file,
        can_be_cut=can_be_cut,
    )


def _data(folder: Path) -> Path:
    data = folder / _FOLDER
    return data if data.exists() else folder / _FILE


def _named_file(folder: Path, reason: str) -> Path:
    data = _data(folder)
    if not data.is_dir():
        return data
    if name := _FILE_NAME.search(reason):
        return data / name[0]
    if "manifest" in reason:
        return data / _MANIFEST
    return next(data.glob("*.base.*"), data)  # servers do not name the file if they cannot read a snapshot


def _is_snapshot(file: Path) -> bool:
    with file.open("rb") as content:
        return ".base." in file.name and content.read(10).startswith(_SNAPSHOTS)


def _is_last(file: Path) -> bool:
    """Whether no other file has later commands: only the last one can be cut."""
    if file.name == _FILE:
        return True
    return _named_in_manifest(file.parent, "i")[-1:] == [file]


def _named_in_manifest(data: Path, kind: str) -> list[Path]:
    """The files of a kind: `b` is the base, `i` an increment, and `h` a file that is no longer needed."""
    manifest = (data / _MANIFEST).read_text(errors="replace")
    return [data / name for name in re.findall(rf"^file (\S+) seq \d+ type {kind}", manifest, re.MULTILINE)]


def _copy(data: Path) -> Path:
    target = _unused_name(data)
    part = target.with_name(f"{target.name}.part")
    _remove(part)  # left by a repair that was killed
    try:
        _make_sure_of_room(data)
        if data.is_dir():
            part.mkdir(mode=0o700)
        for file in _files(data):
            shutil.copy2(file, part)
        return part.rename(target)
    except OSError as error:
        _remove(part)
        raise AutoConnectError(
            f"The data of Redis is unchanged and not repaired, because no copy of it could be made in {data.parent}: "
            f"{error.strerror or error}."
        ) from None


def _make_sure_of_room(data: Path) -> None:
    size = sum(file.stat().st_size for file in _files(data))
    if shutil.disk_usage(data.parent).free < size:
        raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)}, and {size:,} bytes are needed")


def _files(data: Path) -> list[Path]:
    return sorted(data.iterdir()) if data.is_dir() else [data]


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _unused_name(data: Path) -> Path:
    names = (data.with_name(f"{data.name}.damaged-{number}") for number in count(1))
    return next(name for name in names if not name.exists())
