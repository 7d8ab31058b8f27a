"""Names of files and sources: one file may be named in several ways, and a source's name is always valid Unicode."""

import os
import unicodedata
from contextlib import suppress
from pathlib import Path


def source_name(path: Path) -> str:
    """The name of the source at a path within a folder; bytes that are not UTF-8 become escapes such as `\\xe9`."""
    return os.fsencode(path).decode(errors="backslashreplace")


def stored_path(folder: Path, path: Path) -> Path:
    """The path of a file as its folders have it; `path`, relative to the folder, may be written in other ways.

    It may be in another Unicode form (NFC or NFD), or have escapes for bytes that are not UTF-8. The path of no file is
    returned unchanged.
    """
    found = folder
    for part in path.parts:
        found /= part if part.isascii() and "\\" not in part else _stored_name(found, part)
    return found


def upload_path(folder: Path, name: str) -> Path:
    """Where an upload of that name is stored: in place of the file that has it in any Unicode form, else in NFC."""
    stored = stored_path(folder, Path(name))
    return stored if os.path.lexists(stored) else folder / composed(name)


def composed(name: str) -> str:
    """The Unicode form by which names are compared."""
    return unicodedata.normalize("NFC", name)


def _stored_name(folder: Path, name: str) -> str:
    """The name by which a folder has a file; the name itself if it has none."""
    if os.path.lexists(folder / name):
        return name
    wanted = composed(name)
    with suppress(OSError):  # the folder does not exist, or cannot be listed
        return next((n for n in sorted(os.listdir(folder)) if composed(source_name(Path(n))) == wanted), name)
    return name
