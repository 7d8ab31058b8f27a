"""The command doctor, shell completion and help, on machines that lack something."""

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.processes import autoconnect, environment
from tests.e2e.waiting import free_port

PASSWORDS = ["p#ss", "12#34", "12/34", "p@ss", "12?34", "1@2/3"]


def doctor(folder: Path, **extra: str) -> tuple[int, dict[str, tuple[str, str]]]:
    """The exit code, and the state and sentence of each check."""
    variables = {"AUTOCONNECT_PORT": str(free_port()), **extra}
    done = autoconnect("doctor", "--json", cwd=folder, extra=variables)
    assert done.stderr == ""
    checks = json.loads(done.stdout)["checks"]
    return done.returncode, {check["name"]: (check["state"], check["message"]) for check in checks}


def test_nothing_is_missing_where_the_tests_run(folder: Path) -> None:
    code, checks = doctor(folder)
    assert code == 0
    assert "missing" not in {state for state, _ in checks.values()}
    printed = autoconnect("doctor", cwd=folder, extra={"AUTOCONNECT_PORT": str(free_port())})
    assert len(printed.stdout.splitlines()) == len(checks)
    assert printed.stdout.startswith("ok       python")
    assert not (folder / ".autoconnect").exists()


def test_each_thing_that_is_missing_is_named_with_its_remedy(folder: Path) -> None:
    (folder / "file").touch()
    long = folder / ("t" * 90)
    long.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        code, checks = doctor(
            folder,
            AUTOCONNECT_PORT=port,
            AUTOCONNECT_DATA_DIR="file",
            AUTOCONNECT_UPLOAD_DIR="file/uploads",
            TMPDIR=str(long),
        )
    assert code == 1
    for name, remedy in (
        ("port", "set AUTOCONNECT_PORT or --port"),
        ("data folder", "Not a directory; let this user read it"),
        ("upload folder", "set AUTOCONNECT_UPLOAD_DIR"),
        ("socket", "set TMPDIR to a shorter one"),
    ):
        state, message = checks[name]
        assert (state, remedy in message) == ("missing", True), message


def test_what_not_everybody_needs_is_optional(folder: Path) -> None:
    code, checks = doctor(folder, AUTOCONNECT_DATA_DIR="none", PATH="/nowhere")
    assert code == 0
    assert checks["data folder"][0] == checks["docker"][0] == "optional"


def test_a_redis_that_does_not_answer_is_missing(folder: Path) -> None:
    code, checks = doctor(folder, AUTOCONNECT_REDIS_URL="redis://:hidden@127.0.0.1:1/0")
    assert (code, checks["redis"][0]) == (1, "missing")
    assert "correct AUTOCONNECT_REDIS_URL" in checks["redis"][1]
    assert "hidden" not in str(checks)
    assert "socket" not in checks


@pytest.mark.parametrize("user", ["", "user"])
@pytest.mark.parametrize("password", PASSWORDS)
def test_no_part_of_a_password_is_taken_for_a_host_or_printed(folder: Path, user: str, password: str) -> None:
    code, checks = doctor(folder, AUTOCONNECT_REDIS_URL=f"redis://{user}:{password}@127.0.0.1:1/0")
    assert code == 1
    for name in ("redis", "port", "data folder", "upload folder"):  # nothing is called
        assert checks[name] == ("optional", "It cannot be looked at while the settings cannot be read.")
    state, message = checks["settings"]
    assert (state, "percent-encoded password" in message) == ("missing", True)
    assert not any(part in message for part in (password, "p#", "34", "ss@", "1@2"))


def test_a_shell_can_complete_commands(folder: Path) -> None:
    variables = {"_AUTOCONNECT_COMPLETE": "complete_bash", "COMP_WORDS": "autoconnect so", "COMP_CWORD": "1"}
    assert autoconnect(cwd=folder, extra=variables).stdout.split() == ["sources"]
    script = autoconnect("--show-completion", "bash", cwd=folder)
    assert script.returncode == 0
    assert "_AUTOCONNECT_COMPLETE=complete_bash" in script.stdout


def test_the_help_names_the_metrics_and_shows_flags_without_a_value(folder: Path) -> None:
    text = " ".join(autoconnect("metric", "--help", cwd=folder, extra={"COLUMNS": "200"}).stdout.split())
    assert "summary, monthly-revenue, sales-rental-split" in text
    assert "--json Print one JSON object" in text
    assert "--no-json" not in text


def test_an_interrupt_while_modules_load_has_no_traceback(folder: Path) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "autoconnect.cli.main", "doctor"]
    with subprocess.Popen(command, cwd=folder, env=environment({}), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        lines = []
        for line in process.stderr:
            lines.append(line)
            if "typer" in line and process.poll() is None:
                process.send_signal(signal.SIGINT)
                break
        lines += process.stderr.readlines()
    assert process.returncode == 130
    assert "Traceback" not in "".join(lines)
