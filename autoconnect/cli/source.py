"""The source that a command names: a path, or `-` for standard input."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from autoconnect.errors import SettingsError, SourceError, SourceNotFound, SourceUnusable
from autoconnect.local.temporary import temporary_folder
from autoconnect.sources.local import Folders, check_name, find_source
from autoconnect.sources.names import source_name, stored_path

#: The argument that stands for standard input; a file of this name is `./-`.
STDIN = "-"
_STDIN_NAME = "stdin.csv"


@contextmanager
def given_source(argument: str) -> Iterator[Path]:
    """The absolute path of the file that an argument names; of a temporary one with all of standard input for `-`.

    `source_name` of its name is the name of the source in its folder. Raises SourceError if there is no such file, or
    nothing on standard input, and typer.BadParameter if standard input is a terminal.
    """
    if argument != STDIN:
        yield _existing(argument)
        return
    _check_stdin()
    with temporary_folder() as folder:
        yield _received(folder / _STDIN_NAME)


def name_in_data_folder(source: str, folders: Folders) -> str:
    """The name of a source that a user may also have given as the path of a file in the data folder.

    Raises SettingsError if the path leads to a file elsewhere. An unknown name is returned unchanged.
    """
    try:
        return find_source(source, folders).name
    except SourceError:
        path = stored_path(Path(), Path(source))
    if not path.is_absolute() and not path.exists():
        return source
    file = path.parent.resolve() / path.name
    if not file.is_relative_to(folders.data.resolve()):
        raise SettingsError(
            f"The source {source!r} is outside the data folder {str(folders.data)!r}; expected the name of a file in "
            "that folder: copy the file there, or set AUTOCONNECT_DATA_DIR to its folder and give its name alone."
        )
    return source_name(file.relative_to(folders.data.resolve()))


def _existing(argument: str) -> Path:
    check_name(source_name(Path(Path(argument).name)))
    path = stored_path(Path(), Path(argument))
    try:
        os.stat(path if argument else "")  # an empty path would be the current folder
    except (FileNotFoundError, NotADirectoryError):
        start = "" if path.is_absolute() else f", relative to the current folder {str(Path.cwd())!r}"
        raise SourceNotFound(f"The file {argument!r} does not exist; expected the path of a CSV file{start}.") from None
    except OSError as error:
        raise SourceUnusable(f"The file {argument!r} cannot be read: {error.strerror}.") from None
    return path.resolve()


def _check_stdin() -> None:
    if sys.stdin is None or sys.stdin.closed:
        raise SourceUnusable("Standard input is closed; expected a CSV file on it, or the path of one instead of `-`.")
    if sys.stdin.isatty():
        raise typer.BadParameter(
            "standard input is a terminal; expected a CSV file on it, as in `autoconnect run - < june.csv`."
        )


def _received(file: Path) -> Path:
    """Write standard input into a file."""
    try:
        with file.open("wb") as copy:
            shutil.copyfileobj(sys.stdin.buffer, copy, 1 << 20)
    except OSError as error:
        raise SourceUnusable(f"Standard input cannot be copied to {str(file)!r}: {error.strerror or error}.") from None
    if file.stat().st_size == 0:
        raise SourceUnusable("Standard input is empty; expected a CSV file on it.")
    return file
