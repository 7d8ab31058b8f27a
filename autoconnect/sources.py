"""Sources: CSV files in the upload folder or the data folder, and reading a batch out of one."""

import os
import stat
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from autoconnect.core.records import ahead_bytes
from autoconnect.core.splits import ByteRange
from autoconnect.errors import SourceChanged, SourceError, SourceNotFound
from autoconnect.settings import Settings

#: What a job reads for which no source is named.
DEFAULT_SOURCE = "transactions_autoconnect.csv"
#: Files with these are listed as sources.
SUFFIXES = (".csv", ".tsv", ".txt")
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
    path: Path
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
        found = _version(os.fstat(self._descriptor))
        if found != self._version:
            raise SourceChanged(
                f"The source {self._name} changed while it was read: {self._version.size:,} bytes when planned, "
                f"{found.size:,} now; submit it again."
            )


def find_source(name: str, settings: Settings) -> Source:
    """The source of that name: a path relative to the upload folder or, failing that, the data folder.

    Raises SourceNotFound where there is none, and SourceError where it is no file or lies outside the folder.
    """
    for folder, uploaded in ((settings.upload_dir, True), (settings.data_dir, False)):
        try:
            path = _inside(folder, name)
            status = path.stat()
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:  # too long, not allowed, not a name of a file
            raise SourceError(f"The source {name[:200]!r} cannot be read: {error}.") from None
        if not stat.S_ISREG(status.st_mode):
            raise SourceError(f"The source {name!r} is not a regular file.")
        return Source(name, path, _version(status), uploaded)
    raise SourceNotFound(f"There is no source {name!r} in the data folder.")


def list_sources(settings: Settings) -> list[Source]:
    """All CSV files in the two folders, by name; an uploaded one hides one of the data folder."""
    found: dict[str, Source] = {}
    for folder, uploaded in ((settings.data_dir, False), (settings.upload_dir, True)):
        for path in folder.glob("*") if folder.is_dir() else ():
            with suppress(OSError, UnicodeEncodeError):  # deleted meanwhile, or a name that no request can carry
                path.name.encode()
                status = path.stat()
                if stat.S_ISREG(status.st_mode) and path.suffix.lower() in SUFFIXES and not path.name.startswith("."):
                    found[path.name] = Source(path.name, path, _version(status), uploaded)
    return [found[name] for name in sorted(found)]


@contextmanager
def open_source(name: str, version: Version, settings: Settings) -> Iterator[SourceFile]:
    """Opens a source to read it; before the first and after the last byte it must be the given version.

    Raises SourceChanged where it is not, besides what `find_source` raises.
    """
    source = find_source(name, settings)
    try:
        descriptor = os.open(source.path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise SourceError(f"The source {name!r} cannot be read: {error.strerror}.") from None
    try:
        file = SourceFile(descriptor, name, version)
        file.check()
        yield file
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


def _inside(folder: Path, name: str) -> Path:
    path = folder / name
    inside = path.resolve().is_relative_to(folder.resolve())
    if not name or not inside or Path(name).is_absolute() or ".." in Path(name).parts:
        raise SourceError(f"The source {name!r} is outside the data folder; give a path relative to it.")
    return path


def _version(status: os.stat_result) -> Version:
    return Version(status.st_size, status.st_mtime_ns)
