"""Files on this machine: how to find CSV files in the upload and data folders, and how to read a batch of one."""

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from autoconnect.core.records import ahead_bytes
from autoconnect.core.splits import ByteRange
from autoconnect.errors import SourceChanged, SourceError, SourceNotFound, SourceUnusable
from autoconnect.models import check_source_name
from autoconnect.sources.names import composed, source_name, stored_path

#: Source of a job that names none.
DEFAULT_SOURCE = "transactions_autoconnect.csv"
#: Suffixes of the files that are listed as sources.
SUFFIXES = (".csv", ".tsv", ".txt")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Characters of an unusable name that an error shows.
_MAX_SHOWN = 200
#: O_PATH opens a folder that may be entered but not listed; macOS does not have it.
_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
#: Errors of opening a symbolic link that must not be followed.
_LINK_ERRORS = (errno.ELOOP, errno.ENOTDIR)
#: Errors that another attempt to open the file would meet too; a socket or a missing device is ENXIO.
_FINAL_ERRORS = (*_LINK_ERRORS, errno.EACCES, errno.EPERM, errno.ENXIO, errno.ENODEV, errno.ENAMETOOLONG, errno.EISDIR)


@dataclass(frozen=True)
class Folders:
    """Where sources are: `uploads` is looked up before `data`.

    Without `has_ctime`, the ctime of their files means nothing: it differs from machine to machine.
    """

    uploads: Path
    data: Path
    has_ctime: bool = True


@dataclass(frozen=True)
class Source:
    """A file that a job can read; only an `uploaded` one can be deleted.

    `version` is a token that tells one content of the file from another: its size, its modification time and, unless it
    means nothing, its ctime, which a program that replaces the file cannot set back.
    """

    name: str
    size: int
    mtime_ns: int
    version: str
    uploaded: bool

    @classmethod
    def of(cls, name: str, status: os.stat_result, *, uploaded: bool, has_ctime: bool = True) -> Self:
        """Return the source of a file, from its status."""
        version = f"{status.st_size}:{status.st_mtime_ns}" + (f":{status.st_ctime_ns}" if has_ctime else "")
        return cls(name, status.st_size, status.st_mtime_ns, version, uploaded)

    @property
    def modified_at(self) -> datetime | None:
        """Its modification time; None for one that no date has: file systems allow years before 1 and after 9999."""
        try:
            return _EPOCH + timedelta(microseconds=self.mtime_ns // 1_000)
        except OverflowError:
            return None


class SourceFile:
    """An open source that must keep the version it was opened as; `size` is its bytes in that version.

    It owns the descriptor: `close` closes it.
    """

    def __init__(self, descriptor: int, name: str, version: str) -> None:
        self.size = _size_in(version)
        self._descriptor = descriptor
        self._name = name
        self._version = version

    def close(self) -> None:
        os.close(self._descriptor)

    def read(self, offset: int, length: int) -> bytes:
        """Return `length` bytes of the source, or fewer at its end."""
        length = max(min(length, self.size - offset), 0)
        data = bytearray(length)
        return bytes(memoryview(data)[: self.read_into(offset, memoryview(data))])

    def read_into(self, offset: int, buffer: memoryview) -> int:
        """Fill a buffer with bytes of the source; return their number, less than the buffer holds only at its end."""
        filled = 0
        try:
            while filled < len(buffer) and (count := os.preadv(self._descriptor, [buffer[filled:]], offset + filled)):
                filled += count
        except OSError as error:
            raise SourceError(f"The source {self._name!r} cannot be read: {error.strerror}.") from None
        return filled

    def read_batch(self, batch: ByteRange) -> tuple[bytes, bytes]:
        """Return the bytes of a batch, and the bytes after it that may be needed to find the end of its last record."""
        data = self.read(*batch)
        return data, self.read(batch.offset + batch.length, ahead_bytes()) if b'"' in data else b""

    def check_opened(self) -> None:
        """Raise SourceChanged if the file that was opened does not have its version."""
        self._check(os.fstat(self._descriptor), self._version)

    def check_read(self) -> None:
        """Raise SourceChanged if the file no longer has its version after it was read."""
        status = os.fstat(self._descriptor)
        # Losing its name to another file changes the ctime of a file, but none of its bytes.
        self._check(status, self._version if status.st_nlink else without_ctime(self._version))

    def _check(self, status: os.stat_result, version: str) -> None:
        current = Source.of(self._name, status, uploaded=False)
        if is_same(current.version, version):
            return
        advice = "submit it again"
        if current.size != self.size:
            change = f"{self.size:,} bytes when planned, {current.size:,} now"
        elif not is_same(current.version, without_ctime(version)):
            change = "its size is as planned, but its modification time is not"
        else:
            change = "its size and modification time are as planned, but its ctime is not"
            advice += ", or set AUTOCONNECT_SOURCE_CTIME=off if each machine sees another ctime"
        raise SourceChanged(f"The source {self._name!r} changed while it was read: {change}; {advice}.")


def check_name(name: str) -> None:
    """Raise SourceUnusable if a name is too long."""
    try:
        check_source_name(name)
    except ValueError as error:
        raise SourceUnusable(f"The source {name[:_MAX_SHOWN]!r} cannot be read: {error}.") from None


def find_source(name: str, folders: Folders) -> Source:
    """Return the source of that name: a path relative to the upload folder or, failing that, the data folder.

    Raises SourceNotFound if neither folder has it, SourceUnusable if a job must not read it, and SourceError if reading
    it failed.
    """
    source, file = open_newest(name, folders)
    file.close()
    return source


def open_newest(name: str, folders: Folders) -> tuple[Source, SourceFile]:
    """Open a source in the version that it has now; the caller closes the file. Raises what `find_source` does."""
    source, descriptor = _open(name, folders)
    return source, SourceFile(descriptor, source.name, source.version)


def list_sources(folders: Folders) -> list[Source]:
    """Return all readable CSV files of the two folders, by name; an uploaded file hides its namesake in DATA_DIR."""
    names: set[str] = set()
    hidden: set[str] = set()
    for folder in (folders.uploads, folders.data):
        stored = [source_name(Path(name)) for name in os.listdir(folder)] if folder.is_dir() else []
        names |= {name for name in stored if composed(name) not in hidden}
        hidden = set(map(composed, stored))
    sources = []
    for name in sorted(names):
        if Path(name).suffix.lower() in SUFFIXES and not name.startswith("."):
            with suppress(SourceError):  # deleted meanwhile, or not readable by a job
                sources.append(find_source(name, folders))
    return sources


@contextmanager
def open_source(name: str, version: str, folders: Folders) -> Iterator[SourceFile]:
    """Open a source for reading; it must have the given version before the first byte is read and after the last.

    Raises SourceChanged if it does not, and SourceError if opening it failed.
    """
    try:
        _, descriptor = _open(name, folders)
    except (SourceNotFound, SourceUnusable) as error:
        sentence = str(error).removesuffix(".")
        raise SourceChanged(f"{sentence}, though it could be read when the job was planned; submit it again.") from None
    file = SourceFile(descriptor, name, version)
    try:
        file.check_opened()
        try:
            yield file
        except Exception:
            file.check_read()  # a change of the file may have caused the exception
            raise
        file.check_read()
    finally:
        file.close()


def is_same(version: str, other: str) -> bool:
    """Whether two versions are of one content, as far as both tell: one of them may lack the ctime."""
    return all(fact == other_fact for fact, other_fact in zip(version.split(":"), other.split(":"), strict=False))


def without_ctime(version: str) -> str:
    """A version of size and modification time only."""
    return ":".join(version.split(":")[:2])


def _size_in(version: str) -> int:
    return int(version.partition(":")[0])


def _open(name: str, folders: Folders) -> tuple[Source, int]:
    """Return a source and its open descriptor, which the caller closes: the file that was checked is the one read."""
    shown, path = repr(name[:_MAX_SHOWN]), Path(name)
    check_name(name)
    if not name or path.is_absolute() or os.pardir in path.parts:
        raise SourceUnusable(f"The source {shown} is outside the data folder; give a path relative to it.")
    for folder, uploaded in ((folders.uploads, True), (folders.data, False)):
        try:
            stored = stored_path(folder, path).relative_to(folder)
            descriptor = _open_inside(folder, stored)
        except FileNotFoundError:
            continue
        except OSError as error:
            kind = SourceUnusable if error.errno in _FINAL_ERRORS else SourceError
            raise kind(f"The source {shown} cannot be read: {error.strerror}.") from None
        except ValueError:  # a NUL byte, or half of a surrogate pair
            raise SourceUnusable(f"The source {shown} has characters that a file name cannot have.") from None
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode):
            found = name if stored == path else source_name(stored)
            return Source.of(found, status, uploaded=uploaded, has_ctime=folders.has_ctime), descriptor
        os.close(descriptor)
        raise SourceUnusable(f"The source {shown} is not a regular file.")
    raise SourceNotFound(f"There is no source {shown} in the data folder.")


def _open_inside(folder: Path, path: Path) -> int:
    """Open a file of the folder without waiting for it; symbolic links may point only to files of the same folder.

    Raises OSError, ValueError and, for a link that leads out, SourceUnusable.
    """
    try:
        return _walk(folder, path.parts)
    except OSError as error:
        if error.errno not in _LINK_ERRORS:
            raise
    root = os.path.realpath(folder)
    parts = Path(os.path.relpath(os.path.realpath(os.path.join(root, path)), root)).parts
    if os.pardir in parts:
        raise SourceUnusable(f"The source {str(path)[:_MAX_SHOWN]!r} is a link that leads out of the data folder.")
    return _walk(root, parts)


def _walk(folder: Path | str, parts: Sequence[str]) -> int:
    """Open a file one path component at a time, without following a link.

    A link that appears between a check and the opening therefore leads nowhere, and a pipe without a writer does not
    block.
    """
    *folders, last = parts or (os.curdir,)
    descriptor = os.open(folder, _FOLDER)
    steps = (*((part, _FOLDER | os.O_NOFOLLOW) for part in folders), (last, _FILE))
    for part, flags in steps:
        try:
            inner = os.open(part, flags, dir_fd=descriptor)
        finally:
            os.close(descriptor)
        descriptor = inner
    return descriptor
