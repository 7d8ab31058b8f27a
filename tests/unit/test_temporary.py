"""Temporary folders: a killed process leaves one, and the next start removes it, but none that is in use."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from autoconnect.local.temporary import temporary_folder
from tests.required import require

#: Makes a folder with something in it, prints its path and keeps it until its input ends.
OWNER = """
import sys
from autoconnect.local.temporary import temporary_folder
with temporary_folder() as folder:
    (folder / "data").mkdir()
    (folder / "data" / "file").touch()
    print(folder, flush=True)
    sys.stdin.read()
"""
#: Makes and removes folders while others do the same; fails if one disappears while it is in use.
RIVAL = """
from autoconnect.local.temporary import temporary_folder
for _ in range(200):
    with temporary_folder() as folder:
        (folder / "file").touch()
        assert len(list(folder.iterdir())) == 2, folder
    assert not folder.exists()
"""

Owner = tuple[subprocess.Popen[str], Path]


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of all temporary folders."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    return tmp_path


@pytest.fixture
def start_owner() -> Iterator[Callable[[], Owner]]:
    """Start processes that own a folder each."""
    with ExitStack() as owners:

        def start() -> Owner:
            process = subprocess.Popen(
                [sys.executable, "-c", OWNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            owners.enter_context(process)
            assert process.stdout
            return process, Path(process.stdout.readline().strip())

        yield start


def kill(owner: Owner) -> Path:
    owner[0].kill()
    owner[0].wait()
    return owner[1]


def test_the_next_start_removes_the_folder_of_a_killed_process_and_no_other(
    temporary: Path, start_owner: Callable[[], Owner]
) -> None:
    alive, killed = start_owner(), kill(start_owner())
    assert (killed / "data" / "file").exists()
    with temporary_folder() as folder:
        assert not killed.exists()
        assert (alive[1] / "data" / "file").exists()
        assert folder.stat().st_mode & 0o777 == 0o700
        assert set(temporary.iterdir()) == {folder, alive[1]}
    assert not folder.exists()
    alive[0].communicate()
    assert list(temporary.iterdir()) == []


def test_folders_of_others_with_such_a_name_stay(temporary: Path) -> None:
    """Given a folder with a file, an empty one, a link to a folder, and a file / When one of ours is made"""
    (temporary / "autoconnect-project").mkdir(mode=0o700)
    (temporary / "autoconnect-project" / "README.md").touch()
    (temporary / "autoconnect-exports").mkdir(mode=0o755)
    (temporary / "elsewhere").mkdir()
    (temporary / "elsewhere" / "autoconnect-owner.lock").touch()
    (temporary / "autoconnect-link").symlink_to(temporary / "elsewhere")
    (temporary / "autoconnect-file").touch()
    before = sorted(temporary.rglob("*"))
    with temporary_folder():
        pass
    assert sorted(temporary.rglob("*")) == before


def test_the_folder_of_another_user_stays(temporary: Path, start_owner: Callable[[], Owner]) -> None:
    if os.geteuid() != 0:
        require("root", "only root can give a folder to another user")
    killed = kill(start_owner())
    os.chown(killed, 65534, 65534)
    with temporary_folder():
        assert killed.exists()


def test_a_folder_whose_process_was_killed_before_it_could_lock_it_is_removed(temporary: Path) -> None:
    (temporary / "autoconnect-a1b2c3d4").mkdir(mode=0o700)
    with temporary_folder() as folder:
        assert list(temporary.iterdir()) == [folder]


def test_starts_at_the_same_time_never_remove_each_others_folder(temporary: Path) -> None:
    rivals = [subprocess.Popen([sys.executable, "-c", RIVAL]) for _ in range(4)]
    assert [rival.wait(60) for rival in rivals] == [0] * 4
    assert list(temporary.iterdir()) == []
