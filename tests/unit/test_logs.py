"""Log lines are safe for terminals and for programs: no value in them controls the one or deceives the other."""

import json
import signal
import socket
import subprocess
import sys
import threading
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from autoconnect.logs import printable, say, set_up_logs
from tests.e2e.processes import environment
from tests.e2e.waiting import free_port, wait_until

#: A service that says all that libraries and Python itself say: one message, warning or exception of each kind.
SERVICE = r"""
import asyncio
import logging
import sys
import threading
import warnings

from autoconnect.service import run_service


class Ungrateful:
    def __del__(self):
        raise ValueError("in a finalizer")


async def fail():
    raise ValueError("in a task")


async def forget():
    task = asyncio.ensure_future(fail())
    await asyncio.sleep(0)
    await asyncio.sleep(0)


def serve(settings, stop):
    logging.getLogger("uvicorn.error").info("Started server process [%d]", 7)
    logging.getLogger("uvicorn.access").error("GET /\x1b[31m\nforged")
    logging.getLogger("numba.core").debug("each step")
    logging.getLogger("library").log(35, "a level of its own")
    asyncio.run(forget())
    warnings.warn("deprecated", DeprecationWarning)
    Ungrateful()
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()
    raise ArithmeticError("no \x1b[31m luck")


sys.exit(run_service("probe", serve))
"""
EVENTS = (
    "Started server process [7]",
    "GET /",
    "a level of its own",
    "Task exception was never retrieved",
    "DeprecationWarning: deprecated",
    "in a finalizer",
    "ZeroDivisionError",
    "no ",
)


@pytest.fixture(autouse=True)
def _configuration_is_restored() -> Iterator[None]:
    """Undo the log configuration of each test."""
    before = structlog.get_config()
    yield
    structlog.contextvars.clear_contextvars()
    structlog.configure(**before)


def warn(log_format: str, capsys: pytest.CaptureFixture[str], **fields: str) -> str:
    """The line of a warning, without its line feed."""
    set_up_logs("api", "INFO", log_format)
    structlog.get_logger().warning("failed", **fields)
    return capsys.readouterr().err.removesuffix("\n")


def test_unprintable_characters_are_escaped_for_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    line = warn("console", capsys, path="/a\x1b[31m\u202eb\x9b1m\nforged", city="Évry")
    assert line.isprintable()
    assert "/a\\x1b[31m\\u202eb\\x9b1m\\nforged" in line
    assert "city=Évry" in line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Saint-Étienne 208\u00a0GT \u4e2d\u3000文", "Saint-Étienne 208\u00a0GT \u4e2d\u3000文"),
        ("a\x1b[31mb\x00\x7f", "a\\x1b[31mb\\x00\\x7f"),
        ("\x9b2J\x85", "\\x9b2J\\x85"),
        ("\u202egnp.\u2066\u200f\u061c", "\\u202egnp.\\u2066\\u200f\\u061c"),
        ("Pa\u200bris\ufeff\u2028", "Pa\\u200bris\\ufeff\\u2028"),
        ("\r\n\t", "\\r\\n\\t"),
        ("\udcff", "\\udcff"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_text_from_outside_is_shown_with_escapes(text: str, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert printable(text) == shown
    say(text)
    assert capsys.readouterr().err == f"{shown}\n"


def test_no_control_or_bidirectional_character_is_printable() -> None:
    bad = [chr(n) for n in range(sys.maxunicode + 1) if unicodedata.category(chr(n)) in ("Cc", "Cf", "Cs", "Zl", "Zp")]
    assert {"\x1b", "\x9b", "\u202e", "\u2069", "\u200e"} < set(bad)
    assert printable("".join(bad)).isascii()


def test_json_keeps_every_field_unchanged(capsys: pytest.CaptureFixture[str]) -> None:
    line = warn("json", capsys, path="/a\x1b[31m\nforged", city="Évry")
    assert line.isprintable()
    fields = json.loads(line)
    assert (fields["path"], fields["city"]) == ("/a\x1b[31m\nforged", "Évry")


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_a_traceback_shows_no_variable(log_format: str, capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("worker", "INFO", log_format)
    variable = "".join(["pass", "word"])
    try:
        raise ArithmeticError("no luck")
    except ArithmeticError:
        structlog.get_logger().exception("batch failed")
    line = capsys.readouterr().err
    assert "ArithmeticError: no luck" in line
    assert variable not in line


def test_the_traceback_of_a_hostile_exception_does_not_control_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("worker", "INFO", "console")
    try:
        raise ArithmeticError("no \x1b[31m\u202eluck")
    except ArithmeticError:
        structlog.get_logger().exception("batch failed")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) > 3
    assert all(line.isprintable() for line in lines)
    assert lines[-1] == "ArithmeticError: no \\x1b[31m\\u202eluck"


def test_the_line_of_a_thread_names_its_service_too(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("worker", "INFO", "json")
    thread = threading.Thread(target=structlog.get_logger().warning, args=("beats",))
    thread.start()
    thread.join()
    assert json.loads(capsys.readouterr().err)["service"] == "worker"


def service_says(folder: Path, log_format: str) -> list[str]:
    """The lines that the service above prints."""
    (folder / "probe.py").write_text(SERVICE)
    extra = {"AUTOCONNECT_LOG_FORMAT": log_format, "AUTOCONNECT_LOG_LEVEL": "DEBUG", "PYTHONWARNINGS": "default"}
    done = subprocess.run(
        [sys.executable, "probe.py"], cwd=folder, env=environment(extra), capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "each step" not in done.stderr
    return done.stderr.split("\n")[:-1]


def test_with_json_every_line_is_an_object_whoever_says_it(tmp_path: Path) -> None:
    lines = [json.loads(line) for line in service_says(tmp_path, "json")]
    assert {line["service"] for line in lines} == {"probe"}
    for line, event in zip(lines, EVENTS, strict=True):
        assert event in f"{line['event']} {line.get('exception')}"
    assert lines[1]["event"] == "GET /\x1b[31m\nforged"


def test_on_the_console_no_line_controls_the_terminal_whoever_says_it(tmp_path: Path) -> None:
    lines = service_says(tmp_path, "console")
    assert all(line.isprintable() for line in lines)
    for event in EVENTS:
        assert event in "\n".join(lines)


@pytest.mark.parametrize("service", ["orchestrator", "worker", "aggregator", "api"])
def test_with_json_an_invalid_setting_is_an_object_too(service: str, tmp_path: Path) -> None:
    extra = {"AUTOCONNECT_LOG_FORMAT": "json", "AUTOCONNECT_LEASE_MS": "soon"}
    command = [sys.executable, "-m", f"{service}.main"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(extra), capture_output=True, text=True)
    (line,) = done.stderr.splitlines()
    assert done.returncode == 1
    assert (json.loads(line)["service"], json.loads(line)["level"]) == (service, "critical")
    assert json.loads(line)["event"].startswith("AUTOCONNECT_LEASE_MS is 'soon'")


def test_with_json_every_line_of_the_api_is_an_object(tmp_path: Path) -> None:
    """Given an API that starts, gets a request that is not HTTP, and ends / When a second one finds its port in use"""
    port = free_port()
    settings = {"REDIS_URL": "redis://127.0.0.1:1/0", "LOG_FORMAT": "json", "PORT": str(port)}
    extra = environment({f"AUTOCONNECT_{name}": value for name, value in settings.items()})
    command = [sys.executable, "-m", "api.main"]
    with subprocess.Popen(command, cwd=tmp_path, env=extra, stderr=subprocess.PIPE, text=True) as first:
        wait_until("the API", lambda: is_refused(port))
        second = subprocess.run(command, cwd=tmp_path, env=extra, capture_output=True, text=True)
        first.send_signal(signal.SIGTERM)
        _, messages = first.communicate(timeout=120)
    assert second.returncode not in (0, None)
    for said, event in ((messages, "started server process"), (second.stderr, "address already in use")):
        lines = [json.loads(line) for line in said.splitlines()]
        assert {line["service"] for line in lines} == {"api"}
        assert any(event in line["event"].lower() for line in lines)


def is_refused(port: int) -> bool:
    """Whether the API answers a request that is not HTTP, with an error."""
    try:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"\x16\x03\r\n\r\n")
            return connection.recv(100).startswith(b"HTTP/1.1 400")
    except ConnectionRefusedError:
        return False
