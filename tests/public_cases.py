"""The public cases of the input contract, which are not part of the project but may lie beside it."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.required import require

FOLDER = Path(__file__).parents[2] / "shared" / "cases"


@dataclass(frozen=True)
class Case:
    """The right outcome of a file; what is None or empty is not said. Amounts are texts in the file's currency."""

    status: str
    rows: tuple[int, int, int] | None = None
    revenue: str | None = None
    cities: Mapping[str, tuple[int, str]] | None = None
    months: Mapping[str, str] | None = None
    models: Mapping[str, int] | None = None
    rental_duration: Sequence[Sequence[Any]] | None = None
    margins: Sequence[Any] | None = None
    first_date: str | None = None
    last_date: str | None = None
    reasons: Mapping[str, int] | None = None
    rejects: Sequence[Sequence[Any]] | None = None
    notes: Sequence[str] = ()
    error_has: Sequence[str] = ()
    args: Sequence[str] = field(default=())


def read_cases(name: str) -> dict[str, Case]:
    """The cases of `expected.json` or `expected_big.json` by file name; none if the folder is missing."""
    path = FOLDER / name
    return {file: Case(**case) for file, case in json.loads(path.read_text()).items()} if path.exists() else {}


def cases_folder() -> Path:
    """The folder of the cases; without it the test skips, or fails if it is required."""
    if not FOLDER.exists():
        require("sample", f"the public cases are not at {FOLDER}")
    return FOLDER


def make_big(folder: Path) -> None:
    """Write the larger files into a folder."""
    subprocess.run([sys.executable, cases_folder() / "make_big.py", folder], check=True)


def given_by(args: Sequence[str]) -> dict[str, Any]:
    """What `--dialect key=value` and `--column meaning=name` give, as `POST /jobs` takes it."""
    given: dict[str, Any] = {"columns": {}}
    for option, text in zip(args[::2], args[1::2], strict=True):
        name, _, value = text.partition("=")
        (given if option == "--dialect" else given["columns"])[name] = value
    return given
