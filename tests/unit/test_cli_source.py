"""The source that a command names: names in any Unicode form or encoding, and standard input."""

import io
import os
import sys
import unicodedata
from pathlib import Path

import pytest
import typer

from autoconnect.cli.source import given_source, name_in_data_folder
from autoconnect.errors import SettingsError, SourceNotFound, SourceUnusable
from autoconnect.sources.local import Folders
from autoconnect.sources.names import source_name
from tests.rights import rights_of_an_owner

NFC = unicodedata.normalize("NFC", "Été/Transactions é.csv")
NFD = unicodedata.normalize("NFD", NFC)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a folder of its own for temporary files."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def on_stdin(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


@pytest.mark.parametrize(("stored", "typed"), [(NFC, NFD), (NFD, NFC), (NFC, NFC), (NFD, NFD)])
def test_a_path_typed_in_one_unicode_form_finds_a_file_stored_in_the_other(here: Path, stored: str, typed: str) -> None:
    Path(stored).parent.mkdir()
    Path(stored).write_text("x")
    for argument in (typed, f"{here}/{typed}"):
        with given_source(argument) as file:
            assert file.read_text() == "x"
            assert file.is_absolute()


def test_of_two_files_whose_names_look_the_same_the_one_that_was_typed_is_found() -> None:
    names = [unicodedata.normalize(form, "é.csv") for form in ("NFC", "NFD")]
    for name in names:
        Path(name).write_text(ascii(name))
    for name in names:
        with given_source(name) as file:
            assert file.read_text() == ascii(name)


def test_a_name_that_is_not_utf8_has_a_legal_source_name() -> None:
    Path(os.fsdecode(b"d\xe9p\xf4t")).mkdir()
    Path(os.fsdecode(b"d\xe9p\xf4t/caf\xe9.csv")).write_text("x")
    for argument in (os.fsdecode(b"d\xe9p\xf4t/caf\xe9.csv"), "d\\xe9p\\xf4t/caf\\xe9.csv"):
        with given_source(argument) as file:
            assert file.read_text() == "x"
            assert source_name(Path(file.name)) == "caf\\xe9.csv"


@pytest.mark.parametrize("name", ["missing.csv", "data/missing.csv", "../é.csv", "file/x.csv", ""])
def test_a_path_without_a_file_is_named_as_it_was_given(here: Path, name: str) -> None:
    Path("file").touch()
    with pytest.raises(SourceNotFound) as caught, given_source(name):
        pass
    expected = f"expected the path of a CSV file, relative to the current folder {str(here)!r}."
    assert str(caught.value) == f"The file {name!r} does not exist; {expected}"


def test_an_absolute_path_without_a_file_is_relative_to_nothing() -> None:
    with pytest.raises(SourceNotFound) as caught, given_source("/nowhere/x.csv"):
        pass
    assert str(caught.value) == "The file '/nowhere/x.csv' does not exist; expected the path of a CSV file."


def test_a_path_through_a_closed_folder_is_an_error_that_says_why() -> None:
    Path("closed").mkdir(mode=0)
    with rights_of_an_owner(), pytest.raises(SourceUnusable) as caught, given_source("closed/x.csv"):
        pass
    assert str(caught.value) == "The file 'closed/x.csv' cannot be read: Permission denied."


def test_standard_input_is_a_file_as_long_as_it_is_needed(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = os.urandom(3 << 20)
    on_stdin(monkeypatch, data)
    with given_source("-") as file:
        assert (file.name, file.read_bytes()) == ("stdin.csv", data)
        assert file.is_relative_to(here / "tmp")
    assert list((here / "tmp").iterdir()) == []


def test_a_file_named_like_standard_input_is_reached_by_a_path() -> None:
    Path("-").write_text("x")
    with given_source("./-") as file:
        assert file.read_text() == "x"


def test_an_empty_standard_input_is_an_error(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_stdin(monkeypatch, b"")
    with (
        pytest.raises(SourceUnusable, match=r"Standard input is empty; expected a CSV file on it\."),
        given_source("-"),
    ):
        pass
    assert list((here / "tmp").iterdir()) == []


def test_a_closed_standard_input_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(SourceUnusable, match=r"Standard input is closed"), given_source("-"):
        pass


def test_a_terminal_is_no_source(monkeypatch: pytest.MonkeyPatch) -> None:
    parent, child = os.openpty()
    with os.fdopen(child) as terminal, os.fdopen(parent):
        monkeypatch.setattr(sys, "stdin", terminal)
        with pytest.raises(typer.BadParameter, match="standard input is a terminal"), given_source("-"):
            pass


def test_standard_input_that_does_not_fit_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(Full()))
    full = r"cannot be copied to '.*/stdin\.csv': No space left on device\."
    with pytest.raises(SourceUnusable, match=full), given_source("-"):
        pass


@pytest.fixture
def folders(here: Path) -> Folders:
    """The folders of a stack in the current folder, with a source in a folder of its data folder."""
    (here / "data" / "2024").mkdir(parents=True)
    (here / "data" / "2024" / "june.csv").touch()
    (here / "data" / "x.csv").touch()
    return Folders(Path("uploads"), Path("data"))


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("x.csv", "x.csv"),
        ("2024/june.csv", "2024/june.csv"),
        ("data/x.csv", "x.csv"),
        ("./data/2024/june.csv", "2024/june.csv"),
        ("data/2024/../x.csv", "x.csv"),
        ("{here}/data/x.csv", "x.csv"),
        ("later.csv", "later.csv"),
    ],
)
def test_a_path_into_the_data_folder_is_the_name_of_a_source(
    here: Path, folders: Folders, given: str, name: str
) -> None:
    assert name_in_data_folder(given.format(here=here), folders) == name


def test_an_upload_and_a_link_keep_their_names(here: Path, folders: Folders) -> None:
    (here / "uploads").mkdir()
    (here / "uploads" / "up.csv").touch()
    (here / "data" / "latest.csv").symlink_to("2024/june.csv")
    assert name_in_data_folder("up.csv", folders) == "up.csv"
    assert name_in_data_folder("data/latest.csv", folders) == "latest.csv"


@pytest.mark.parametrize("given", ["elsewhere.csv", "{here}/elsewhere.csv", "/nowhere/x.csv", "data/../elsewhere.csv"])
def test_a_path_elsewhere_is_an_error_that_says_what_a_source_is(here: Path, folders: Folders, given: str) -> None:
    (here / "elsewhere.csv").touch()
    with pytest.raises(SettingsError) as caught:
        name_in_data_folder(given.format(here=here), folders)
    assert str(caught.value) == (
        f"The source {given.format(here=here)!r} is outside the data folder 'data'; expected the name of a file in "
        "that folder: copy the file there, or set AUTOCONNECT_DATA_DIR to its folder and give its name alone."
    )
