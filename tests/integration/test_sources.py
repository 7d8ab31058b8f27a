"""Sources are regular files inside the two folders; a job never opens or waits for anything else."""

import os
import socket
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from autoconnect.errors import SourceChanged, SourceError, SourceNotFound, SourceUnusable
from autoconnect.sources.local import Folders, find_source, list_sources, open_source
from tests.integration.stack import HEADER

OUTSIDE = "'{name}' is outside the data folder; give a path relative to it."
IRREGULAR = "'{name}' is not a regular file."


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    for folder in ("data", "uploads", "elsewhere"):
        (tmp_path / folder).mkdir()
    (tmp_path / "elsewhere" / "secret.csv").write_text("secret")
    return Folders(uploads=tmp_path / "uploads", data=tmp_path / "data")


def read_all(name: str, folders: Folders) -> bytes:
    source = find_source(name, folders)
    with open_source(name, source.version, folders) as file:
        return file.read(0, source.size)


def error_of(name: str, folders: Folders) -> str:
    with pytest.raises(SourceError) as caught:
        find_source(name, folders)
    return str(caught.value).removeprefix("The source ")


@pytest.mark.parametrize(
    "name", ["source.csv", "2024/june.csv", "./2024//june.csv", "é'\"\n*.csv", "--help", "c:\\a.csv"]
)
def test_a_file_inside_is_a_source_whatever_its_name(folders: Folders, name: str) -> None:
    path = folders.data / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(HEADER)
    assert read_all(name, folders) == HEADER.encode()


def test_an_upload_hides_a_file_of_the_same_name_in_the_data_folder(folders: Folders) -> None:
    (folders.data / "source.csv").write_text("data")
    (folders.uploads / "source.csv").write_text("uploaded")
    assert read_all("source.csv", folders) == b"uploaded"
    assert [(source.name, source.uploaded) for source in list_sources(folders)] == [("source.csv", True)]


NFC, NFD = (unicodedata.normalize(form, "été/Données à jour.csv") for form in ("NFC", "NFD"))


@pytest.mark.parametrize(("stored", "asked"), [(NFC, NFD), (NFD, NFC)])
@pytest.mark.parametrize("linked", [False, True])
def test_a_name_in_another_unicode_form_finds_its_file(folders: Folders, stored: str, asked: str, linked: bool) -> None:
    path = folders.data / stored
    path.parent.mkdir()
    if linked:
        (path.parent / "june.csv").write_text(HEADER)
        path.symlink_to("june.csv")
    else:
        path.write_text(HEADER)
    assert read_all(asked, folders) == read_all(stored, folders) == HEADER.encode()
    assert find_source(asked, folders).name == stored


def test_files_whose_names_look_the_same_are_listed_and_found_one_by_one(folders: Folders) -> None:
    names = sorted(unicodedata.normalize(form, "é.csv") for form in ("NFC", "NFD"))
    for name in names:
        (folders.data / name).write_text(ascii(name))
    assert [source.name for source in list_sources(folders)] == names
    for name in names:
        assert read_all(name, folders) == ascii(name).encode()


def test_an_upload_hides_a_file_whose_name_looks_the_same(folders: Folders) -> None:
    (folders.data / unicodedata.normalize("NFD", "é.csv")).write_text("data")
    (folders.uploads / "é.csv").write_text("uploaded")
    assert [(source.name, source.uploaded) for source in list_sources(folders)] == [("é.csv", True)]
    assert read_all(unicodedata.normalize("NFD", "é.csv"), folders) == b"uploaded"


def test_a_name_that_is_not_utf8_is_listed_and_found_with_escapes(folders: Folders) -> None:
    (folders.data / os.fsdecode(b"caf\xe9.csv")).write_text(HEADER)
    assert [source.name for source in list_sources(folders)] == ["caf\\xe9.csv"]
    assert read_all("caf\\xe9.csv", folders) == HEADER.encode()
    (folders.data / "caf\\xe9.csv").write_text("x")
    assert read_all("caf\\xe9.csv", folders) == b"x"


@pytest.mark.usefixtures("file_modes_apply")
def test_names_in_a_folder_that_cannot_be_listed_are_found_as_they_are_stored(folders: Folders) -> None:
    (folders.data / "é.csv").write_text(HEADER)
    folders.data.chmod(0o311)
    try:
        assert read_all("é.csv", folders) == HEADER.encode()
        with pytest.raises(SourceNotFound):
            find_source(unicodedata.normalize("NFD", "é.csv"), folders)
    finally:
        folders.data.chmod(0o755)


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
def test_a_path_out_of_the_folder_or_to_a_folder_is_not_a_source(folders: Folders, name: str, expected: str) -> None:
    (folders.data / "2024").mkdir()
    assert error_of(name, folders) == expected.format(name=name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a\0b.csv", "'a\\x00b.csv' has characters that a file name cannot have."),
        (
            "half\ud800.csv",
            "'half\\ud800.csv' cannot be read: the name is not valid Unicode; "
            "expected one that can be written in UTF-8.",
        ),
        ("n" * 10_000, f"'{'n' * 200}' cannot be read: the name has 10,000 bytes; expected at most 255."),
        ("source.csv/x", "'source.csv/x' cannot be read: Not a directory."),
        ("loop.csv", "'loop.csv' cannot be read: Too many levels of symbolic links."),
    ],
)
def test_a_name_that_no_file_can_have_is_an_error_that_says_why(folders: Folders, name: str, expected: str) -> None:
    (folders.data / "source.csv").write_text(HEADER)
    (folders.data / "loop.csv").symlink_to("loop.csv")
    assert error_of(name, folders) == expected


def test_a_link_is_a_source_if_it_stays_inside(folders: Folders) -> None:
    (folders.data / "2024").mkdir()
    (folders.data / "2024" / "june.csv").write_text(HEADER)
    (folders.data / "latest.csv").symlink_to("2024/june.csv")
    (folders.data / "again.csv").symlink_to(folders.data / "latest.csv")
    (folders.data / "year").symlink_to("2024")
    for name in ("latest.csv", "again.csv", "year/june.csv"):
        assert read_all(name, folders) == HEADER.encode()


def test_the_folders_may_be_links_themselves(folders: Folders, tmp_path: Path) -> None:
    (folders.data / "source.csv").write_text(HEADER)
    (folders.data / "latest.csv").symlink_to("source.csv")
    (tmp_path / "link").symlink_to("data")
    linked = Folders(folders.uploads, tmp_path / "link")
    assert read_all("source.csv", linked) == read_all("latest.csv", linked) == HEADER.encode()


@pytest.mark.parametrize("target", ["../elsewhere/secret.csv", "/etc/passwd", "/dev/zero", "/proc/self/environ"])
def test_a_link_that_leads_out_is_not_a_source(folders: Folders, target: str) -> None:
    (folders.data / "out.csv").symlink_to(target)
    (folders.data / "folder").symlink_to(Path(target).parent)
    leads_out = "is a link that leads out of the data folder."
    assert error_of("out.csv", folders) == f"'out.csv' {leads_out}"
    name = f"folder/{Path(target).name}"
    assert error_of(name, folders) == f"'{name}' {leads_out}"
    assert list_sources(folders) == []


def test_a_link_to_nothing_is_not_a_source(folders: Folders) -> None:
    (folders.data / "gone.csv").symlink_to("nothing.csv")
    with pytest.raises(SourceNotFound):
        find_source("gone.csv", folders)


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
    folders: Folders, make: Callable[[Path], None], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folders.data)
    make(Path("pipe.csv"))
    assert error_of("pipe.csv", folders) == expected
    assert list_sources(folders) == []


@pytest.mark.usefixtures("file_modes_apply")
def test_an_unreadable_file_is_an_error_but_a_folder_that_cannot_be_listed_is_searched(folders: Folders) -> None:
    inner = folders.data / "2024"
    inner.mkdir()
    (inner / "june.csv").write_text(HEADER)
    inner.chmod(0o311)
    assert read_all("2024/june.csv", folders) == HEADER.encode()
    (inner / "june.csv").chmod(0)
    assert error_of("2024/june.csv", folders) == "'2024/june.csv' cannot be read: Permission denied."


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
    folders: Folders, monkeypatch: pytest.MonkeyPatch, swap: Callable[[Path, Path], None], linked: bool
) -> None:
    """Given a source that becomes something else just before the last part of its path is opened

    I expect an error, never a byte from outside, and no waiting; the same if a link was resolved before.
    """
    path, secret = folders.data / "2024" / "secret.csv", folders.data.parent / "elsewhere" / "secret.csv"
    path.parent.mkdir()
    path.write_text(HEADER)
    (folders.data / "link.csv").symlink_to("2024/secret.csv")
    real_open = os.open

    def open_late(part: str, flags: int, dir_fd: int | None = None) -> int:
        if part in ("2024", "secret.csv") and path.is_file() and not path.is_symlink():
            swap(path, secret)
        return real_open(part, flags, dir_fd=dir_fd)

    monkeypatch.setattr("os.open", open_late)
    with pytest.raises((SourceUnusable, SourceNotFound)):
        find_source("link.csv" if linked else "2024/secret.csv", folders)


def test_no_descriptor_is_left_open(folders: Folders) -> None:
    (folders.data / "2024").mkdir()
    (folders.data / "2024" / "june.csv").write_text(HEADER)
    (folders.data / "out.csv").symlink_to("/etc/passwd")
    before = set(os.listdir("/dev/fd"))
    read_all("2024/june.csv", folders)
    for name in ("2024", "out.csv", "gone.csv", "2024/june.csv/x", "2024/\0"):
        error_of(name, folders)
    with pytest.raises(SourceChanged), open_source("2024/june.csv", "0:0", folders):
        pass
    assert len(os.listdir("/dev/fd")) == len(before)
