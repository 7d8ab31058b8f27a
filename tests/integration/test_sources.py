"""Sources are regular files inside the two folders; a job never opens or waits for anything else."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from autoconnect.errors import SourceChanged, SourceError, SourceNotFound, SourceUnusable
from autoconnect.settings import Settings, load_settings
from autoconnect.sources import Version, find_source, list_sources, open_source
from tests.integration.stack import HEADER

OUTSIDE = "'{name}' is outside the data folder; give a path relative to it."
IRREGULAR = "'{name}' is not a regular file."


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    for folder in ("data", "uploads", "elsewhere"):
        (tmp_path / folder).mkdir()
    (tmp_path / "elsewhere" / "secret.csv").write_text("secret")
    return load_settings(data_dir=tmp_path / "data", upload_dir=tmp_path / "uploads")


def read_all(name: str, settings: Settings) -> bytes:
    version = find_source(name, settings).version
    with open_source(name, version, settings) as file:
        return file.read(0, version.size)


def error_of(name: str, settings: Settings) -> str:
    with pytest.raises(SourceError) as caught:
        find_source(name, settings)
    return str(caught.value).removeprefix("The source ")


@pytest.mark.parametrize(
    "name", ["source.csv", "2024/june.csv", "./2024//june.csv", "é'\"\n*.csv", "--help", "c:\\a.csv"]
)
def test_a_file_inside_is_a_source_whatever_its_name(settings: Settings, name: str) -> None:
    path = settings.data_dir / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(HEADER)
    assert read_all(name, settings) == HEADER.encode()


def test_an_upload_hides_a_file_of_the_same_name_in_the_data_folder(settings: Settings) -> None:
    (settings.data_dir / "source.csv").write_text("data")
    (settings.upload_dir / "source.csv").write_text("uploaded")
    assert read_all("source.csv", settings) == b"uploaded"
    assert [(source.name, source.uploaded) for source in list_sources(settings)] == [("source.csv", True)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("", OUTSIDE),
        ("..", OUTSIDE),
        ("../elsewhere/secret.csv", OUTSIDE),
        ("2024/../../elsewhere/secret.csv", OUTSIDE),
        ("/etc/passwd", OUTSIDE),
        ("//etc/passwd", OUTSIDE),
        (".", IRREGULAR),
        ("2024", IRREGULAR),
        ("2024/", IRREGULAR),
    ],
)
def test_a_path_out_of_the_folder_or_to_a_folder_is_not_a_source(settings: Settings, name: str, expected: str) -> None:
    (settings.data_dir / "2024").mkdir()
    assert error_of(name, settings) == expected.format(name=name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a\0b.csv", "'a\\x00b.csv' has characters that a file name cannot have."),
        ("half\ud800.csv", "'half\\ud800.csv' has characters that a file name cannot have."),
        ("n" * 10_000, f"'{'n' * 200}' cannot be read: File name too long."),
        ("source.csv/x", "'source.csv/x' cannot be read: Not a directory."),
        ("loop.csv", "'loop.csv' cannot be read: Too many levels of symbolic links."),
    ],
)
def test_a_name_that_no_file_can_have_is_an_error_that_says_why(settings: Settings, name: str, expected: str) -> None:
    (settings.data_dir / "source.csv").write_text(HEADER)
    (settings.data_dir / "loop.csv").symlink_to("loop.csv")
    assert error_of(name, settings) == expected


def test_a_link_is_a_source_if_it_stays_inside(settings: Settings) -> None:
    (settings.data_dir / "2024").mkdir()
    (settings.data_dir / "2024" / "june.csv").write_text(HEADER)
    (settings.data_dir / "latest.csv").symlink_to("2024/june.csv")
    (settings.data_dir / "again.csv").symlink_to(settings.data_dir / "latest.csv")
    (settings.data_dir / "year").symlink_to("2024")
    for name in ("latest.csv", "again.csv", "year/june.csv"):
        assert read_all(name, settings) == HEADER.encode()


def test_the_folders_may_be_links_themselves(settings: Settings, tmp_path: Path) -> None:
    (settings.data_dir / "source.csv").write_text(HEADER)
    (settings.data_dir / "latest.csv").symlink_to("source.csv")
    (tmp_path / "link").symlink_to("data")
    linked = settings.model_copy(update={"data_dir": tmp_path / "link"})
    assert read_all("source.csv", linked) == read_all("latest.csv", linked) == HEADER.encode()


@pytest.mark.parametrize("target", ["../elsewhere/secret.csv", "/etc/passwd", "/dev/zero", "/proc/self/environ"])
def test_a_link_that_leads_out_is_not_a_source(settings: Settings, target: str) -> None:
    (settings.data_dir / "out.csv").symlink_to(target)
    (settings.data_dir / "folder").symlink_to(Path(target).parent)
    leads_out = "is a link that leads out of the data folder."
    assert error_of("out.csv", settings) == f"'out.csv' {leads_out}"
    name = f"folder/{Path(target).name}"
    assert error_of(name, settings) == f"'{name}' {leads_out}"
    assert list_sources(settings) == []


def test_a_link_to_nothing_is_not_a_source(settings: Settings) -> None:
    (settings.data_dir / "gone.csv").symlink_to("nothing.csv")
    with pytest.raises(SourceNotFound):
        find_source("gone.csv", settings)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (os.mkfifo, "'pipe.csv' is not a regular file."),
        (os.mkdir, "'pipe.csv' is not a regular file."),
        (make_socket, "'pipe.csv' cannot be read: No such device or address."),
    ],
)
def test_anything_but_a_regular_file_is_refused_without_waiting_for_it(
    settings: Settings, make: Callable[[Path], None], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(settings.data_dir)
    make(Path("pipe.csv"))
    assert error_of("pipe.csv", settings) == expected
    assert list_sources(settings) == []


@pytest.mark.usefixtures("file_modes_apply")
def test_an_unreadable_file_is_an_error_but_a_folder_that_cannot_be_listed_is_searched(settings: Settings) -> None:
    inner = settings.data_dir / "2024"
    inner.mkdir()
    (inner / "june.csv").write_text(HEADER)
    inner.chmod(0o311)
    assert read_all("2024/june.csv", settings) == HEADER.encode()
    (inner / "june.csv").chmod(0)
    assert error_of("2024/june.csv", settings) == "'2024/june.csv' cannot be read: Permission denied."


def become_pipe(path: Path, _: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def become_link(path: Path, secret: Path) -> None:
    path.unlink()
    path.symlink_to(secret)


def become_folder_that_leads_out(path: Path, secret: Path) -> None:
    path.unlink()
    path.parent.rename(path.parent.with_name("moved"))
    path.parent.symlink_to(secret.parent)


@pytest.mark.parametrize("swap", [become_pipe, become_link, become_folder_that_leads_out])
@pytest.mark.parametrize("linked", [False, True])
def test_a_source_that_is_swapped_between_the_check_and_the_opening_is_refused(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, swap: Callable[[Path, Path], None], linked: bool
) -> None:
    """Given a source that becomes something else just before the last part of its path is opened

    I expect an error, never a byte from outside, and no waiting; the same if a link was resolved before.
    """
    path, secret = settings.data_dir / "2024" / "secret.csv", settings.data_dir.parent / "elsewhere" / "secret.csv"
    path.parent.mkdir()
    path.write_text(HEADER)
    (settings.data_dir / "link.csv").symlink_to("2024/secret.csv")
    real_open = os.open

    def open_late(part: str, flags: int, dir_fd: int | None = None) -> int:
        if part in ("2024", "secret.csv") and path.is_file() and not path.is_symlink():
            swap(path, secret)
        return real_open(part, flags, dir_fd=dir_fd)

    monkeypatch.setattr("os.open", open_late)
    with pytest.raises((SourceUnusable, SourceNotFound)):
        find_source("link.csv" if linked else "2024/secret.csv", settings)


def test_no_descriptor_is_left_open(settings: Settings) -> None:
    (settings.data_dir / "2024").mkdir()
    (settings.data_dir / "2024" / "june.csv").write_text(HEADER)
    (settings.data_dir / "out.csv").symlink_to("/etc/passwd")
    before = set(os.listdir("/dev/fd"))
    read_all("2024/june.csv", settings)
    for name in ("2024", "out.csv", "gone.csv", "2024/june.csv/x", "2024/\0"):
        error_of(name, settings)
    with pytest.raises(SourceChanged), open_source("2024/june.csv", Version(0, 0), settings):
        pass
    assert len(os.listdir("/dev/fd")) == len(before)
