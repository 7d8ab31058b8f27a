"""The types that the dashboard's JavaScript declares in its comments hold."""

import shutil
import subprocess
from pathlib import Path

import api
from tests.required import require

FOLDER = Path(api.__file__).parent / "static" / "dashboard"
OPTIONS = [
    *("--noEmit", "--allowJs", "--checkJs", "--strict"),
    *("--target", "es2022", "--module", "esnext", "--lib", "es2022,dom,dom.iterable"),
]


def test_typescript_finds_nothing() -> None:
    tsc = shutil.which("tsc") or require("tsc", "there is no tsc on the PATH")
    modules = sorted(FOLDER.rglob("*.js"))
    checked = subprocess.run([tsc, *OPTIONS, *modules], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout) == (0, ""), checked.stdout
