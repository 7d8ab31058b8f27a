"""The command line, called wrongly in many ways: one sentence, the right exit code, and never a traceback."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from autoconnect.cli.main import run_command
from autoconnect.logs import printable
from tests.e2e.processes import environment
from tests.e2e.waiting import wait_until
from tests.rights import rights_of_an_owner

#: An address at which nothing listens: only root may listen on its port, and no test runs as root.
NOWHERE = "http://127.0.0.1:1"
COMMANDS: dict[str, tuple[str, ...]] = {
    "run": ("--workers", "--json", "--wide", "--export"),
    "up": ("--workers", "--port", "--repair-state"),
    "generate": ("--rows", "--out", "--seed", "--bad-ratio", "--dialect"),
    "metric": (
        "--city",
        "--model",
        "--from",
        "--to",
        "--type",
        "--job",
        "--n",
        "--months",
        "--compare",
        "--wide",
        "--json",
    ),
    "jobs submit": ("--watch", "--json"),
    "jobs list": ("--status", "--limit", "--wide", "--json"),
    "jobs show": ("--json",),
    "jobs watch": ("--json",),
    "jobs cancel": ("--json",),
}
#: Commands that only talk to an API: whatever their arguments, they start and write nothing.
REMOTE = [name for name in COMMANDS if name.startswith(("jobs", "metric"))]
JOB: dict[str, object] = {
    "id": "[/b]:car:",
    "status": "completed",
    "source": "[red]x[/].csv",
    "created_at": "2024-01-01T00:00:00Z",
    "started_at": None,
    "finished_at": None,
    "duration_s": 1.5,
    "batches": {"total": 1, "done": 1, "retried": 0, "dead": 0},
    "rows": {"read": 1, "accepted": 1, "rejected": 0},
    "rejected_by_reason": {},
    "bytes": {"total": 1, "done": 1},
    "progress": 1,
    "rows_per_s": None,
    "eta_s": None,
    "published": False,
    "result": "available",
    "waits_for": None,
    "dialect": None,
    "notes": [],
    "error": None,
}


@pytest.fixture(autouse=True)
def _own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("AUTOCONNECT_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AUTOCONNECT_URL", NOWHERE)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.chdir(tmp_path)
    # It would bind the logs of this process to a stream that is closed after the test.
    monkeypatch.setattr("autoconnect.cli.commands.set_up_logs", lambda *_: None)


def assert_one_error(code: int, expected: int, out: str, err: str, *, as_json: bool) -> None:
    """Check for one sentence on standard error and, on standard output, one object with --json, otherwise nothing."""
    assert code == expected
    (line,) = err.splitlines()
    assert line.startswith("autoconnect: ")
    assert len(line) > len("autoconnect: ") + 5
    if as_json:
        (error,) = json.loads(out).items()
        assert error[0] == "error"
        assert printable(error[1]) == line.removeprefix("autoconnect: ")
        assert out.count("\n") == 1
    else:
        assert out == ""


@pytest.mark.parametrize(
    "arguments",
    [
        "fly",
        "jobs fly",
        "run a.csv b.csv",
        "run --workers",
        "run --workers 0",
        "run --workers -1",
        "run --workers abc",
        "run --workers 1.5",
        "run --workers 1001",
        "run --workers 99999999999999999999",
        "run --export=file",
        "run --export=file/folder",
        "run --export=" + "x" * 256,
        "run --json=yes",
        "up --port 0",
        "up --port -1",
        "up --port 65536",
        "up --port http",
        "up --workers 0",
        "up here",
        "generate",
        "generate --rows 1",
        "generate --rows -1 --out x",
        "generate --rows 1e3 --out x",
        "generate --rows 1 --out x --bad-ratio 1.1",
        "generate --rows 1 --out x --bad-ratio nan",
        "generate --rows 1 --out x --seed -1",
        "generate --rows 1 --out x --dialect",
        "generate --rows 1 --out x --dialect french",
        "metric",
        "metric summary trend",
        "metric summary --months x",
        "metric summary --n 1.5",
        "metric --colour",
        "jobs list --limit 0",
        "jobs list --limit 1001",
        "jobs list --status done",
        "jobs cancel",
        "jobs show a b",
        "jobs submit --watch=1",
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_wrong_usage_ends_with_2(
    arguments: str, as_json: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    words = [*arguments.split(), *(["--json"] if as_json else [])]
    assert_one_error(run_command(words), 2, *capsys.readouterr(), as_json=as_json)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LEASE_MS", "soon"),
        ("WORKERS", "0"),
        ("PORT", "70000"),
        ("REDIS_URL", "http://x"),
        ("REDIS_URL", "redis://h:0/0"),
        ("REDIS_URL", "redis://[::1/0"),
        ("REDIS_URL_FILE", "/nowhere"),
        ("REDIS_URL_FILE", "/"),
        ("MAX_REJECTED_RATIO", "2"),
        ("MAPPER", "fast"),
        ("LOG_LEVEL", "loud"),
    ],
)
@pytest.mark.parametrize("command", ["run", "up"])
def test_an_invalid_setting_ends_with_2(
    command: str, name: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(f"AUTOCONNECT_{name}", value)
    code = run_command([command])
    captured = capsys.readouterr()
    assert_one_error(code, 2, *captured, as_json=False)
    assert f"AUTOCONNECT_{name}" in captured.err


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("AUTOCONNECT_URL", "nonsense"),
        ("AUTOCONNECT_URL", "127.0.0.1:8000"),
        ("AUTOCONNECT_URL", "ftp://127.0.0.1"),
        ("AUTOCONNECT_URL", "http://"),
        ("AUTOCONNECT_URL", "http://[::1"),
        ("AUTOCONNECT_URL", "http://h:port"),
        ("AUTOCONNECT_URL", "http://h:99999999"),
        ("AUTOCONNECT_URL", "http://a\nb"),
        ("AUTOCONNECT_URL", "http://\udcff"),
        ("AUTOCONNECT_API_KEY", "clé"),
        ("AUTOCONNECT_API_KEY", "a\nb"),
        ("AUTOCONNECT_API_KEY", "too short"),
    ],
)
@pytest.mark.parametrize("command", REMOTE)
def test_an_invalid_address_or_key_is_reported(
    command: str, variable: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(variable, value)
    words = [*command.split(), *(["x"] if command in ("metric", "jobs cancel") else [])]
    code = run_command([*words, "--json"])
    captured = capsys.readouterr()
    assert code in (1, 2)
    assert_one_error(code, code, *captured, as_json=True)
    assert variable in captured.err


WORDS = st.sampled_from(
    ("", "-", "--", "..", "/", "a/b", "?x=1", "%", "latest", "é", "\udcff", "[red]", "0", "-1", "9" * 30, "1e5", "nan")
) | st.text(st.characters(exclude_characters="\0"), max_size=8)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    command=st.sampled_from(REMOTE).flatmap(
        lambda name: st.tuples(st.just(name), st.lists(WORDS | st.sampled_from(COMMANDS[name]), max_size=4))
    )
)
@example(command=("jobs show", ["\ud800"]))
def test_any_words_end_in_one_sentence_if_no_api_answers(
    command: tuple[str, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    name, words = command
    code = run_command([*name.split(), *words])
    captured = capsys.readouterr()
    assert code in (1, 2)
    assert_one_error(code, code, *captured, as_json="--json" in words)


@contextmanager
def answering(status: int, body: bytes, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A server that gives one answer to everything."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_DELETE = answer

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("AUTOCONNECT_URL", f"http://127.0.0.1:{server.server_port}")
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


PROBLEM = {"Content-Type": "application/problem+json"}
ANSWERS: list[tuple[int, bytes, dict[str, str]]] = [
    (200, b"", {}),
    (200, b"hello", {}),
    (200, b"[]", {}),
    (200, b"1", {}),
    (200, b"null", {}),
    (200, b"{}", {}),
    (200, b'{"items": 1, "columns": 1, "rows": 1}', {}),
    (200, b'{"items": [{}], "columns": ["a"], "rows": [{}]}', {}),
    (200, b'{"items": [1], "columns": ["a"], "rows": [{"a": [1]}]}', {}),
    (200, b"[" * 100_000, {}),
    (200, b'{"a": ' + b"9" * 5_000 + b"}", {}),
    (200, b"\xff\xfe", {"Content-Type": "text/html; charset=utf-16"}),
    (200, b"not gzip", {"Content-Encoding": "gzip"}),
    (204, b"", {}),
    (301, b"", {"Location": "http://127.0.0.1:1/"}),
    (401, b'{"detail": "A key is needed."}', PROBLEM),
    (404, b'{"detail": ["x"]}', PROBLEM),
    (422, b"{}", PROBLEM),
    (500, b"<html>", {}),
    (503, b'{"detail": "Redis is away."}', PROBLEM),
]


@pytest.mark.parametrize(("status", "body", "headers"), ANSWERS)
def test_an_api_that_answers_garbage_or_an_error_is_reported(
    status: int,
    body: bytes,
    headers: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with answering(status, body, headers, monkeypatch):
        for words in ("metric summary", "jobs list --json", "jobs show --json"):
            code = run_command(words.split())
            assert_one_error(code, 1, *capsys.readouterr(), as_json="--json" in words)


def test_names_are_printed_unchanged(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Given a job, a source and a city that look like markup of the terminal library"""
    table = {"columns": ["city"], "rows": [{"city": "[/red]:car:"}]}
    for words, answer in (("jobs show", JOB), ("jobs list", {"items": [JOB]}), ("metric x", table)):
        with answering(200, json.dumps(answer).encode(), {}, monkeypatch):
            assert run_command(words.split()) == 0
    shown = capsys.readouterr().out
    assert shown.count("[/b]:car:") == 2
    assert shown.count("[red]x[/].csv") == 2
    assert "[/red]:car:" in shown


def test_no_answer_controls_the_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Given an API whose texts hold sequences for terminals, and characters that turn the direction of writing"""
    hostile, escaped = "\x1b[2J\x9b31m\u202e\u2066[red]x", "\\x1b[2J\\x9b31m\\u202e\\u2066[red]x"
    texts = {"id": hostile, "source": hostile, "error": hostile, "rejected_by_reason": {hostile: 1}}
    job = {**JOB, **texts, "status": "failed"}
    table = {"columns": [hostile], "rows": [{hostile: hostile}]}
    empty = {"columns": [hostile], "rows": [], "note": hostile}
    answers: tuple[tuple[str, int, object, int], ...] = (
        ("jobs show", 200, job, 4),
        ("jobs watch", 200, job, 4),
        ("jobs list", 200, {"items": [job]}, 2),
        (f"metric {hostile}", 200, table, 3),
        (f"metric {hostile}", 200, empty, 2),
        ("metric x", 404, {"detail": hostile}, 1),
        (f"jobs list --{hostile}", 200, {}, 1),
    )
    for words, status, answer, count in answers:
        with answering(status, json.dumps(answer).encode(), {}, monkeypatch):
            run_command(words.split(" "))
        captured = capsys.readouterr()
        shown = captured.out + captured.err
        assert all(line.isprintable() for line in shown.split("\n")), words
        assert shown.count(escaped) == count, words


@pytest.mark.parametrize("out", ["folder", "nowhere/x.csv", "/dev/full", "x" * 300])
def test_a_file_that_cannot_be_written_is_reported(
    out: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "folder").mkdir()
    assert_one_error(
        run_command(["generate", "--rows", "100000", "--out", out]), 1, *capsys.readouterr(), as_json=False
    )


@pytest.mark.parametrize("out", ["closed", "closed/folder", "link"])
def test_a_folder_for_exports_that_cannot_be_written_into_is_wrong_usage(
    out: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "closed").mkdir(mode=0o555)
    (tmp_path / "link").symlink_to("nothing")
    with rights_of_an_owner():
        code = run_command(["run", "--export", out])
    captured = capsys.readouterr()
    assert_one_error(code, 2, *captured, as_json=False)
    assert f"'{out.partition('/')[0]}'" in captured.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["closed", "link"]


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["--version"]) == 0
    assert capsys.readouterr() == (f"autoconnect {version('autoconnect')}\n", "")


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("name", ["missing.csv", "folder/missing.csv", "", "x" * 256, "caf\udce9.csv"])
def test_a_run_of_a_file_that_does_not_exist_is_an_error_that_names_it(
    name: str, as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run_command(["run", name, *(["--json"] if as_json else [])])
    captured = capsys.readouterr()
    assert_one_error(code, 1, *captured, as_json=as_json)
    assert "data folder" not in captured.err
    assert printable(name)[:200] in captured.err.replace("\\\\", "\\")


def cli(arguments: str) -> list[str]:
    return [sys.executable, "-m", "autoconnect.cli.main", *arguments.split()]


@pytest.mark.parametrize("source", ["folder", "fifo", "binary", "/dev/zero"])
def test_a_run_of_an_invalid_source_fails_with_one_object(source: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "binary").write_bytes(bytes(range(256)) * 100)
    process = subprocess.run(
        cli(f"run {source} --json --workers 1"),
        cwd=tmp_path,
        env=environment({"AUTOCONNECT_MAPPER": "plain"}),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    document = json.loads(process.stdout)
    assert (process.returncode, document["metrics"], document["job"]["status"]) == (1, {}, "failed")
    assert document["job"]["error"]
    assert process.stderr == ""


@pytest.mark.parametrize("arguments", ["--help", "metric summary", "jobs list --json"])
def test_a_command_ends_silently_when_its_output_is_closed(arguments: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"city": "Paris"}] * 5_000
    body = json.dumps({"columns": ["city"], "rows": rows, "items": [JOB] * 5_000}).encode()
    with answering(200, body, {}, monkeypatch):
        read, write = os.pipe()
        os.close(read)
        try:
            process = subprocess.run(
                cli(arguments), stdout=write, stderr=subprocess.PIPE, timeout=200, check=False, text=True
            )
        finally:
            os.close(write)
    assert (process.returncode, process.stderr) == (1, "")


def test_an_interrupt_ends_a_command_silently_with_130(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a job that never ends / When the user who watches it presses Ctrl-C

    Before `main` handles signals, an interrupt ends Python itself, by the signal: no code of ours runs yet.
    """
    body = json.dumps({**JOB, "status": "running"}).encode()
    with answering(200, body, {}, monkeypatch), (tmp_path / "messages").open("w+") as messages:
        process = subprocess.Popen(cli("jobs watch --json"), stdout=messages, stderr=messages)
        try:
            wait_until("the start of the command", lambda: _has_handler(process.pid), 30)
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 130
        finally:
            process.kill()
    assert (tmp_path / "messages").read_text() == ""


def test_an_interrupt_in_generated_code_ends_a_command_with_130_too(tmp_path: Path) -> None:
    """Given a command that runs code from a string, as imports do / When the interrupt comes in that code"""
    (tmp_path / "interrupted.py").write_text(
        "from autoconnect.cli import main\nmain.run_command = lambda _: exec('raise KeyboardInterrupt')\nmain.main()\n"
    )
    done = subprocess.run([sys.executable, "-m", "interrupted"], cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


def _has_handler(pid: int) -> bool:
    """Whether a process handles SIGTERM: `main` does so after SIGINT, and Python alone never does."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught_signals = int(next(line for line in status.splitlines() if line.startswith("SigCgt")).split()[1], 16)
    return bool(caught_signals >> (signal.SIGTERM - 1) & 1)
