"""Checks of arguments that can be made before anything starts; a wrong one is wrong usage."""

import os
from pathlib import Path
from tempfile import TemporaryFile

import typer

from autoconnect.generate import DIALECTS


def checked_dialect(name: str) -> str:
    """The name of a dialect that files can be generated in."""
    if name not in DIALECTS:
        raise typer.BadParameter(f"{name!r} is not a dialect; expected one of {', '.join(DIALECTS)}.")
    return name


def checked_folder(folder: Path | None) -> Path | None:
    """A folder that files can be written into, or that can be made; nothing is made yet."""
    if folder is not None and (fault := folder_fault(folder)):
        raise typer.BadParameter(f"{fault}; expected a folder that can be made and written into.")
    return folder


def checked_file(file: Path | None) -> Path | None:
    """A file that can be written, in a folder that may still have to be made; nothing is made yet."""
    if file is None:
        return None
    if file.is_dir():
        raise typer.BadParameter(f"{str(file)!r} is a folder; expected a file to write into.")
    if file.exists() and not os.access(file, os.W_OK):
        raise typer.BadParameter(f"{str(file)!r} cannot be written; expected a file that can be replaced.")
    checked_folder(file.parent)
    return file


def folder_fault(folder: Path) -> str:
    """What is wrong with a folder, or with the nearest one above it that exists; empty if nothing is."""
    for path in (folder, *folder.parents):
        try:
            path.lstat()
            TemporaryFile(dir=path).close()
        except FileNotFoundError:
            if path.is_symlink():
                return f"{str(path)!r} is a link that leads nowhere"
        except OSError as error:
            return f"{str(path)!r} cannot be written into: {error.strerror}"
        else:
            return ""
    return ""
