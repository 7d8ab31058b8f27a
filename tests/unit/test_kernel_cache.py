"""Compiled code on disk is renewed when a file of the kernel changes, and only then. Options stay in the kernel."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numba import njit
from numba.core import config
from numba.core.errors import TypingError
from numpy.typing import NDArray

from autoconnect.core import kernel
from autoconnect.core.kernel.cache import KernelCache, folder_digest
from autoconnect.core.kernel.compiler import compiled
from autoconnect.core.kernel.texts import rehash_texts

FOLDER = Path(kernel.__path__[0])

#: Calls a small function of `texts` that has a function of `intrinsics` compiled into it.
PROGRAM = """
import json
import os

import numpy as np

from autoconnect.core.kernel.texts import HEAD, TextTable, rehash_texts

has_directory = os.path.exists(os.environ["NUMBA_CACHE_DIR"])
texts = TextTable(
    slots=np.zeros(1 << 16, np.int64),
    heads=np.zeros(HEAD, np.uint8),
    sizes=np.full(1, 5),
    starts=np.zeros(1, np.int64),
    content=np.full(2 * HEAD, ord("a"), np.uint8),
    used=np.array([1, 5]),
)
rehash_texts(texts)
_, hits, misses = rehash_texts.stats
print(json.dumps([has_directory, sum(hits.values()), sum(misses.values()), int(texts.slots.argmax())]))
"""


class Call(NamedTuple):
    """The report of a process that called a compiled function."""

    directory_after_import: bool
    loaded: int
    compiled: int
    slot: int


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return check_out(tmp_path / "checkout")


def check_out(root: Path) -> Path:
    """A copy of the package below `root`."""
    shutil.copytree(FOLDER.parents[1], root / "autoconnect", ignore=shutil.ignore_patterns("__pycache__"))
    return root


def call(root: Path, cache: Path) -> Call:
    """Call the function of a copy in a process of its own, which keeps compiled code in `cache`."""
    # No bytecode, which Python would not renew for a change within the same second.
    environment = os.environ | {"NUMBA_CACHE_DIR": str(cache), "PYTHONDONTWRITEBYTECODE": "1"}
    program = [sys.executable, "-c", PROGRAM]
    return Call(
        *json.loads(subprocess.run(program, cwd=root, env=environment, check=True, stdout=subprocess.PIPE).stdout)
    )


def test_a_change_in_another_file_of_the_kernel_compiles_anew(checkout: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    before = call(checkout, cache)
    assert (before.loaded, before.compiled) == (0, 1)
    intrinsics = checkout / "autoconnect/core/kernel/intrinsics.py"
    original = intrinsics.read_text()
    intrinsics.write_text(re.sub(r"^MIX = \w+$", "MIX = 0x0123456789ABCDEF", original, flags=re.MULTILINE))
    after = call(checkout, cache)
    assert (after.loaded, after.compiled) == (0, 1)
    assert after.slot != before.slot
    intrinsics.write_text(original)
    assert call(checkout, cache) == before._replace(directory_after_import=True, loaded=1, compiled=0)


def test_other_times_and_another_path_compile_nothing(checkout: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = call(checkout, cache)
    assert not first.directory_after_import
    elsewhere = check_out(tmp_path / "elsewhere")
    for file in elsewhere.rglob("*.py"):
        os.utime(file, (1_000_000_000, 1_000_000_000))
    assert call(elsewhere, cache) == Call(True, loaded=1, compiled=0, slot=first.slot)


@pytest.mark.parametrize("kind", ["nbi", "nbc"])
def test_a_file_that_a_power_cut_has_left_incomplete_is_made_anew(kind: str, checkout: Path, tmp_path: Path) -> None:
    """Given a file whose end is missing, or consists of zeros"""
    cache = tmp_path / "cache"
    compiled = call(checkout, cache)._replace(directory_after_import=True)
    assert compiled.compiled == 1
    (file,) = cache.rglob(f"*rehash_texts*.{kind}")
    for rest, fill in ((0.0, b""), (0.9, b""), (0.0, b"\0"), (0.5, b"\0")):
        whole = file.read_bytes()
        length = int(len(whole) * rest)
        file.write_bytes(whole[:length] + fill * (len(whole) - length))
        assert call(checkout, cache) == compiled
    assert call(checkout, cache) == compiled._replace(loaded=1, compiled=0)


def test_the_digest_changes_with_every_module(checkout: Path) -> None:
    folder = checkout / "autoconnect/core/kernel"
    modules = sorted(folder.glob("*.py"))
    assert len(modules) > 5
    digests = [folder_digest(folder)]
    for module in modules:
        content = module.read_bytes()
        module.write_bytes(content + b"\n")
        digests.append(folder_digest(folder))
        module.write_bytes(content)
    modules[0].rename(folder / "renamed.py")
    digests.append(folder_digest(folder))
    assert len(set(digests)) == len(modules) + 2


def test_the_digest_is_of_modules_alone(checkout: Path) -> None:
    folder = checkout / "autoconnect/core/kernel"
    digest = folder_digest(folder)
    (folder / "__pycache__").mkdir()
    (folder / "notes.txt").write_text("no module")
    assert folder_digest(folder) == digest == folder_digest(FOLDER)


@pytest.mark.parametrize("directory", ["", "a file/is no directory"])
def test_compiled_code_lies_beside_the_kernel_unless_a_directory_is_set(
    directory: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given no directory, or one that cannot be made"""
    (tmp_path / "a file").touch()
    monkeypatch.setattr(config, "CACHE_DIR", directory and str(tmp_path / directory))
    function: Any = rehash_texts
    make_cache: Any = KernelCache
    path = Path(make_cache(function.py_func).cache_path)
    assert path == FOLDER / "__pycache__" / f"kernel-{folder_digest(FOLDER)[:16]}"


def add_to_all(values: NDArray[np.int64]) -> None:
    values[0] += 1
    values[1] += 2
    values[2] += 3
    values[3] += 4


def test_only_the_kernel_is_compiled_with_the_vectorizer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
    assert vector_additions(compiled(add_to_all)) > 0
    assert vector_additions(njit(add_to_all)) == 0


def vector_additions(function: Any) -> int:
    """The number of vector additions in the code of a function."""
    function(np.zeros(4, np.int64))
    (code,) = function.inspect_llvm().values()
    return len(re.findall(r"= add [a-z ]*<\d+ x i64>", code))


def test_options_of_numba_are_restored_when_a_function_does_not_compile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(config, "SLP_VECTORIZE", 0)
    options: Any = config

    @compiled
    def add_text(value: Any) -> Any:
        return value + "text"

    with pytest.raises(TypingError):
        add_text(1)
    assert options.SLP_VECTORIZE == 0


#: The modules of the folder that are not compiled.
PLAIN = {"mapper", "cell_table", "shapes", "short_columns", "span_texts"}


@pytest.mark.parametrize("module", sorted({file.stem for file in FOLDER.glob("*.py")} - PLAIN))
def test_compiled_modules_import_nothing_of_the_package_from_outside(module: str) -> None:
    """Given that a change outside of the folder compiles nothing anew"""
    names: list[str] = []
    for node in ast.walk(ast.parse((FOLDER / f"{module}.py").read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
    ours = [name for name in names if name.startswith("autoconnect")]
    assert all(name.startswith("autoconnect.core.kernel.") for name in ours)
