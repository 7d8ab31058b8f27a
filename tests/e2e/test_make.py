"""A first start that was cut short works at the second try; what is missing on a machine is said in one sentence.

Make is real. In place of Python there is a script that makes a .venv and installs into it within milliseconds.
"""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]

#: A python3 whose module venv can fail after it has made the folder, as on Debian without python3-venv.
PYTHON = f"""#!/bin/sh
case "$*" in
  *version_info*) test "$FAULT" != old ;;
  *ensurepip*) test "$FAULT" != no-ensurepip || {{ echo "No module named 'ensurepip'" >&2; exit 1; }} ;;
  *" venv --clear "*)
    case "$*" in *--clear*) rm -rf .venv;; esac
    mkdir -p .venv/bin
    cp "$VENV_PYTHON" .venv/bin/python
    test "$FAULT" != venv || exit 1
    touch .venv/pip ;;
  *) exec {sys.executable} "$@" ;;
esac
"""
#: The python of a .venv, whose installation can last until it is killed.
VENV_PYTHON = """#!/bin/sh
case "$*" in
  *" pip install "*)
    test -e .venv/pip || { echo "No module named pip" >&2; exit 1; }
    test ! -e .venv/half || { echo "half of a package is here" >&2; exit 1; }
    echo "$*" >> installed
    touch .venv/half
    test "$FAULT" != slow || sleep 1000
    rm .venv/half
    printf '#!/bin/sh\\necho done\\n' > .venv/bin/autoconnect
    cp .venv/bin/autoconnect .venv/bin/pytest
    chmod +x .venv/bin/autoconnect .venv/bin/pytest ;;
  *" worker.warm") ;;
  *) exit 1 ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the files that make needs, and the scripts."""
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "bin").mkdir()
    for name, text in (("python3", PYTHON), ("venv-python", VENV_PYTHON)):
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    return tmp_path


def start(checkout: Path, target: str, fault: str = "") -> subprocess.Popen[str]:
    """Start make in a session of its own."""
    path = f"{checkout / 'bin'}:{os.environ['PATH']}"
    environment = {"PATH": path, "FAULT": fault, "VENV_PYTHON": str(checkout / "bin" / "venv-python")}
    return subprocess.Popen(
        ["env", "--default-signal=INT", "make", target],  # a job in the background ignores Ctrl-C
        cwd=checkout,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def make(checkout: Path, target: str, fault: str = "") -> tuple[int, str, str]:
    """The exit code, the output and the messages of make."""
    process = start(checkout, target, fault)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def installations(checkout: Path) -> int:
    return len((checkout / "installed").read_text().splitlines())


def assert_runs(checkout: Path) -> None:
    """`make run` works, and does not install again what is there."""
    assert make(checkout, "run") == (0, "Installing into .venv ...\ndone\n", "")
    count = installations(checkout)
    assert make(checkout, "run") == (0, "done\n", "")
    assert installations(checkout) == count


def cut_short(checkout: Path, target: str, number: signal.Signals) -> None:
    """End make and its children by a signal in the middle of an installation."""
    before = installations(checkout) if (checkout / "installed").exists() else 0
    process = start(checkout, target, "slow")
    wait_until("the installation", lambda: (checkout / "installed").exists() and installations(checkout) > before)
    wait_until("half of it", (checkout / ".venv" / "half").exists)
    os.killpg(process.pid, number)
    process.communicate()
    assert process.returncode != 0


def test_the_first_run_installs_and_the_second_does_not(checkout: Path) -> None:
    assert_runs(checkout)


def test_a_venv_that_could_not_be_completed_is_made_anew(checkout: Path) -> None:
    code, _, _ = make(checkout, "run", "venv")
    assert code != 0
    assert (checkout / ".venv" / "bin" / "python").exists()
    assert_runs(checkout)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_installation_that_was_cut_short_is_made_anew(checkout: Path, number: signal.Signals) -> None:
    cut_short(checkout, "run", number)
    assert_runs(checkout)


def test_an_installation_for_the_tests_that_was_cut_short_spoils_no_run(checkout: Path) -> None:
    """Given a .venv for `make run` / When `make test` is killed while it installs more into it"""
    assert_runs(checkout)
    cut_short(checkout, "test", signal.SIGKILL)
    assert_runs(checkout)
    assert make(checkout, "test")[:2] == (0, "Installing into .venv ...\ndone\n")


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("old", "AutoConnect needs Python 3.11 or newer, and python3 is not: name one with 'make PYTHON=...'."),
        ("no-ensurepip", "python3 has no module venv with pip: on Debian or Ubuntu, install the package python3-venv."),
    ],
)
def test_what_python_lacks_is_said_in_a_sentence(checkout: Path, fault: str, sentence: str) -> None:
    code, out, err = make(checkout, "run", fault)
    assert (code, out) == (2, "")
    assert err.splitlines()[0] == sentence
    assert not (checkout / ".venv").exists()
    assert_runs(checkout)


def test_ctrl_c_while_the_real_python_installs_ends_with_one_line(checkout: Path) -> None:
    (checkout / "bin" / "python3").unlink()
    (checkout / "bin" / "python3").symlink_to(sys.executable)
    process = start(checkout, "run")
    wait_until("the start of .venv", (checkout / ".venv" / "pyvenv.cfg").exists, poll_s=0.01)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == -signal.SIGINT, err  # a shell says 130
    assert len(err.splitlines()) == 1, err
    assert "Interrupt" in err
