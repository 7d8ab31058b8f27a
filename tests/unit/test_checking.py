"""A check reads as a job does, and needs no more memory than an API has."""

import subprocess
import sys
from pathlib import Path

import pytest

from autoconnect.checking import check
from autoconnect.core.dialect import DialectOptions
from autoconnect.errors import SourceChanged, SourceError, SourceNotFound
from autoconnect.models import SourceCheck
from autoconnect.planning import sniff_file
from autoconnect.sources.local import Folders, SourceFile

HEADER = "transaction_id,date,ville,type,modele,prix,duree_location_mois\n"
GOOD = "TX1,2024-01-31,Paris,vente,BMW,10.50,\n"
BAD = "TX1,2024-02-30,Paris,vente,BMW,10.50,\n"


def checked(folder: Path, text: str | bytes, **given: object) -> SourceCheck:
    (folder / "x.csv").write_bytes(text.encode() if isinstance(text, str) else text)
    return check("x.csv", Folders(folder, folder), DialectOptions.read(given))


def test_only_the_first_rows_and_rejects_are_shown(tmp_path: Path) -> None:
    document = checked(tmp_path, HEADER + (GOOD + BAD) * 30)
    assert [row.line for row in document.rows] == list(range(2, 42, 2))
    assert [reject.line for reject in document.rejects] == list(range(3, 43, 2))


def test_rows_beyond_the_first_thousand_are_not_read(tmp_path: Path) -> None:
    assert checked(tmp_path, HEADER + GOOD * 1_000 + BAD).rejects == []
    assert len(checked(tmp_path, HEADER + GOOD * 999 + BAD).rejects) == 1


def test_lines_are_those_of_the_file(tmp_path: Path) -> None:
    header = HEADER.replace("\n", ",remark\n")
    document = checked(tmp_path, f'title\n\n{header}TX1,2024-01-31,Paris,vente,BMW,10.50,,"two\nlines"\n{header}{BAD}')
    assert [row.line for row in document.rows] == [4]
    assert [reject.line for reject in document.rejects] == [7]
    assert [(note.code, note.line) for note in document.notes] == [
        ("lines_before_header", 1),
        ("unused_columns", None),
        ("repeated_headers", 6),
        ("line_breaks_in_quotes", 4),
    ]


def test_names_that_look_misread_are_noted_with_their_counts(tmp_path: Path) -> None:
    document = checked(tmp_path, (HEADER + GOOD.replace("Paris", "OrlÃ©ans") * 2).encode())
    (note,) = document.notes
    assert (note.code, "OrlÃ©ans (2)" in note.message) == ("suspicious_text", True)


def test_a_record_that_the_sample_cuts_is_not_shown(tmp_path: Path) -> None:
    header = HEADER.replace("\n", ",remark\n")
    row = GOOD.replace("\n", ",\n")
    long = row.replace(",\n", ',"' + "x\n" * 300_000 + '"\n')
    assert [row.line for row in checked(tmp_path, header + row * 3 + long * 3).rows] == [2, 3, 4, 5]


def test_a_file_without_rows_is_checked(tmp_path: Path) -> None:
    document = checked(tmp_path, HEADER)
    assert (document.rows, document.rejects) == ([], [])
    assert [note.code for note in document.notes] == ["no_rows"]


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFound):
        check("x.csv", Folders(tmp_path, tmp_path))
    with pytest.raises(SourceError, match="empty"):
        checked(tmp_path, "")


def test_a_file_that_changes_meanwhile_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def judge_and_replace(file: SourceFile, options: DialectOptions) -> object:
        sniffed = sniff_file(file, options)
        (tmp_path / "x.csv").write_text(HEADER.replace(",", ";"))
        return sniffed

    monkeypatch.setattr("autoconnect.checking.sniff_file", judge_and_replace)
    with pytest.raises(SourceChanged):
        checked(tmp_path, HEADER + GOOD)


def test_a_check_loads_neither_pandas_nor_the_compiler(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(HEADER + GOOD)
    code = f"""
import sys
from pathlib import Path
import api.app
from autoconnect.checking import check
from autoconnect.sources.local import Folders
folder = Path({str(tmp_path)!r})
assert check("x.csv", Folders(folder, folder)).rows
assert not {{"pandas", "numba"}} & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", code], check=True)
