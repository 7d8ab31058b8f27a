"""Sources: CSV files in the upload folder or the data folder, and reading a batch out of one."""

import errno
import os
import stat
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from autoconnect.core.records import ahead_bytes
from autoconnect.core.splits import ByteRange
from autoconnect.errors import SourceChanged, SourceError, SourceNotFound, SourceUnusable
from autoconnect.settings import Settings

#: What a job reads for which no source is named.
DEFAULT_SOURCE = "transactions_autoconnect.csv"
#: Files with these are listed as sources.
SUFFIXES = (".csv", ".tsv", ".txt")
#: Of a name that cannot be used, so many characters are shown.
_SHOWN = 200
#: A folder need not be readable to be walked through; macOS knows no such way to open it.
_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
#: What opening a link says where it is not to be followed.
_OF_LINKS = (errno.ELOOP, errno.ENOTDIR)
#: What opening says of a file that will not be better at another attempt; a socket and a missing device are ENXIO.
_OF_THE_FILE = (*_OF_LINKS, errno.EACCES, errno.EPERM, errno.ENXIO, errno.ENODEV, errno.ENAMETOOLONG, errno.EISDIR)
_LENGTH = struct.Struct(">Q")


@dataclass(frozen=True)
class Version:
    """What tells one content of a file from another."""

    size: int
    mtime_ns: int


@dataclass(frozen=True)
class Source:
    """A file that a job can read; `uploaded` ones can be deleted."""

    name: str
    version: Version
    uploaded: bool


class SourceFile:
    """An open source that is still the version it was opened as."""

    def __init__(self, descriptor: int, name: str, version: Version) -> None:
        self._descriptor = descriptor
        self._name = name
        self._version = version

    def read(self, offset: int, length: int) -> bytes:
        """Bytes of the source, fewer than `length` only at its end."""
        length = max(min(length, self._version.size - offset), 0)
        data = bytearray(length)
        return bytes(memoryview(data)[: self.read_into(offset, memoryview(data))])

    def read_into(self, offset: int, buffer: memoryview) -> int:
        """Fills a buffer with bytes of the source; returns how many there were, fewer only at its end."""
        filled = 0
        try:
            while filled < len(buffer) and (count := os.preadv(self._descriptor, [buffer[filled:]], offset + filled)):
                filled += count
        except OSError as error:
            raise SourceError(f"The source {self._name!r} cannot be read: {error.strerror}.") from None
        return filled

    def read_batch(self, batch: ByteRange) -> tuple[bytes, bytes]:
        """The bytes of a batch, and as much of what follows as telling the end of its last record may need."""
        data = self.read(*batch)
        return data, self.read(batch.offset + batch.length, ahead_bytes()) if b'"' in data else b""

    def check(self) -> None:
        """Raises SourceChanged where the file is no longer the version it was opened as."""
        found = version_of(os.fstat(self._descriptor))
        if found == self._version:
            return
        how = f"{self._version.size:,} bytes when planned, {found.size:,} now"
        if found.size == self._version.size:
            how = "its size is as planned, its time is not"
        raise SourceChanged(f"The source {self._name!r} changed while it was read: {how}; submit it again.")


def find_source(name: str, settings: Settings) -> Source:
    """The source of that name: a path relative to the upload folder or, failing that, the data folder.

    Raises SourceNotFound where there is none, SourceUnusable where it is nothing that a job may read, and SourceError
    where reading it failed.
    """
    source, descriptor = _open(name, settings)
    os.close(descriptor)
    return source


def list_sources(settings: Settings) -> list[Source]:
    """All CSV files in the two folders that can be read, by name; an uploaded one hides one of the data folder."""
    names: set[str] = set()
    for folder in (settings.upload_dir, settings.data_dir):
        names |= set(os.listdir(folder) if folder.is_dir() else ())
    found = []
    for name in sorted(names):
        if Path(name).suffix.lower() in SUFFIXES and not name.startswith(".") and _can_be_told(name):
            with suppress(SourceError):  # deleted meanwhile, or nothing that a job can read
                found.append(find_source(name, settings))
    return found


@contextmanager
def open_source(name: str, version: Version, settings: Settings) -> Iterator[SourceFile]:
    """Opens a source to read it; before the first and after the last byte it must be the given version.

    Raises SourceChanged where it is not, and SourceError where opening it failed.
    """
    try:
        _, descriptor = _open(name, settings)
    except (SourceNotFound, SourceUnusable) as error:
        sentence = str(error).removesuffix(".")
        raise SourceChanged(f"{sentence}, though it could be read when the job was planned; submit it again.") from None
    try:
        file = SourceFile(descriptor, name, version)
        file.check()
        try:
            yield file
        except Exception:
            file.check()  # whatever went wrong may be because of that
            raise
        file.check()
    finally:
        os.close(descriptor)


def pack_lines(data: bytes, ahead: bytes) -> bytes:
    """A batch's bytes as they travel through Redis."""
    return _LENGTH.pack(len(data)) + zlib.compress(data + ahead, 1)


def unpack_lines(packed: bytes) -> tuple[bytes, bytes]:
    """What `pack_lines` packed."""
    (length,) = _LENGTH.unpack_from(packed)
    text = zlib.decompress(packed[_LENGTH.size :])
    return text[:length], text[length:]


def version_of(status: os.stat_result) -> Version:
    """The version of a file of that status."""
    return Version(status.st_size, status.st_mtime_ns)


def _open(name: str, settings: Settings) -> tuple[Source, int]:
    """A source and a descriptor of it, which the caller closes; what was looked at is what is read."""
    shown, path = repr(name[:_SHOWN]), Path(name)
    if not name or path.is_absolute() or os.pardir in path.parts:
        raise SourceUnusable(f"The source {shown} is outside the data folder; give a path relative to it.")
    for folder, uploaded in ((settings.upload_dir, True), (settings.data_dir, False)):
        try:
            descriptor = _open_inside(folder, path)
        except FileNotFoundError:
            continue
        except OSError as error:
            kind = SourceUnusable if error.errno in _OF_THE_FILE else SourceError
            raise kind(f"The source {shown} cannot be read: {error.strerror}.") from None
        except ValueError:  # NUL, or half of a character
            raise SourceUnusable(f"The source {shown} has characters that no file name has.") from None
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode):
            return Source(name, version_of(status), uploaded), descriptor
        os.close(descriptor)
        raise SourceUnusable(f"The source {shown} is not a regular file.")
    raise SourceNotFound(f"There is no source {shown} in the data folder.")


def _open_inside(folder: Path, path: Path) -> int:
    """Opens a file of the folder without waiting for it; symbolic links may lead from one place of it to another.

    Raises OSError, ValueError and, for a link that leads out, SourceUnusable.
    """
    try:
        return _walk(folder, path.parts)
    except OSError as error:
        if error.errno not in _OF_LINKS:
            raise
    root = os.path.realpath(folder)
    parts = Path(os.path.relpath(os.path.realpath(os.path.join(root, path)), root)).parts
    if os.pardir in parts:
        raise SourceUnusable(f"The source {str(path)[:_SHOWN]!r} is a link that leads out of the data folder.")
    return _walk(root, parts)


def _walk(folder: Path | str, parts: Sequence[str]) -> int:
    """Opens a file step by step, without following a link.

    So a link that is put there between looking and opening leads nowhere, and a pipe that nobody writes to holds up
    nobody.
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


def _can_be_told(name: str) -> bool:
    """Whether a request can carry a file's name."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
