"""The command line as users run it: its output, its files and its exit code."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import termios
import unicodedata
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

import pytest
from pyarrow import parquet
from python_calamine import CalamineWorkbook

from autoconnect.core.metrics import CATALOGUE
from autoconnect.generate import generate
from tests import oracle
from tests.e2e.conftest import SOURCE, stack_source
from tests.e2e.processes import DEFAULT_WORKERS, Up, autoconnect, descendants, environment, lives, running, start
from tests.e2e.waiting import free_port, wait_until
from tests.sample import public_sample


def expected(data: bytes) -> dict[str, object]:
    """The metrics that the oracle computes for a file."""
    rows, rejects = oracle.read_rows(data)
    return {name: oracle.metric(name, rows, len(rows) + len(rejects), len(rejects)) for name in CATALOGUE}


@pytest.mark.parametrize("transport", ["range", "inline"])
def test_run_prints_the_oracles_metrics_as_one_json_object_and_nothing_else(folder: Path, transport: str) -> None:
    data = stack_source(3_000).encode()
    (folder / "any.csv").write_bytes(data)
    extra = {"AUTOCONNECT_BATCH_TRANSPORT": transport}
    done = autoconnect("run", "any.csv", "--json", "--workers", "2", "--export", "out", cwd=folder, extra=extra)
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout, parse_float=Decimal)
    assert document.keys() == {"job", "metrics", "rejects", "truncated"}
    assert document["metrics"] == expected(data)
    assert document["job"]["status"] == "completed"
    with (folder / "out" / "summary.csv").open() as file:
        (summary,) = csv.DictReader(file)
    assert summary["revenue"] == str(document["metrics"]["summary"][0]["revenue"])
    assert sorted(path.stem for path in (folder / "out").iterdir()) == sorted([*CATALOGUE, "rejects"])


def test_the_commands_load_neither_pandas_nor_dask(folder: Path) -> None:
    code = "import sys, autoconnect.cli.commands; print({'pandas', 'distributed'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_the_local_engine_prints_the_same_without_redis(folder: Path) -> None:
    data = stack_source(3_000).encode()
    (folder / "any.csv").write_bytes(data)
    extra = {"AUTOCONNECT_REDIS_URL": "redis://127.0.0.1:1", "AUTOCONNECT_BATCH_BYTES": "20000"}
    done = autoconnect("run", "any.csv", "--json", "--engine", "local", cwd=folder, extra=extra)
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout, parse_float=Decimal)
    assert document["metrics"] == expected(data)
    assert document["job"]["batches"]["total"] > 5


def test_run_exports_one_workbook_or_a_parquet_file_for_each_table(folder: Path) -> None:
    (folder / "any.csv").write_text(stack_source(500))
    tables = [*CATALOGUE, "rejects"]
    for form in ("xlsx", "parquet"):
        done = autoconnect("run", "any.csv", "--json", "--export", form, "--format", form, cwd=folder)
        assert (done.returncode, done.stderr) == (0, "")
        document = json.loads(done.stdout, parse_float=Decimal)
    book = CalamineWorkbook.from_path(folder / "xlsx" / "metrics.xlsx")
    assert book.sheet_names == ["cover", *tables]
    assert ["source", "any.csv"] in book.get_sheet_by_name("cover").to_python()
    assert [path.name for path in (folder / "xlsx").iterdir()] == ["metrics.xlsx"]
    assert sorted(path.name for path in (folder / "parquet").iterdir()) == sorted(f"{name}.parquet" for name in tables)
    for name, rows in {**document["metrics"], "rejects": document["rejects"]}.items():
        assert parquet.read_metadata(folder / "parquet" / f"{name}.parquet").num_rows == len(rows)
        assert len(book.get_sheet_by_name(name).to_python()) == 1 + len(rows)
    (summary,) = parquet.read_table(folder / "parquet" / "summary.parquet").to_pylist()
    assert summary["revenue"] == document["metrics"]["summary"][0]["revenue"]


def test_run_prints_tables_of_the_default_source(folder: Path) -> None:
    (folder / "data" / SOURCE).write_text("".join(generate(500, seed=9)))
    done = autoconnect("run", cwd=folder)
    assert done.returncode == 0, done.stderr
    for name in CATALOGUE:
        assert name in done.stdout
    assert "No row of the source carries a cost" in done.stdout
    assert "Rows: 500 read, 500 accepted, 0 rejected" in done.stdout
    assert done.stderr.splitlines()[-1].startswith("completed: ")
    assert sorted(path.name for path in folder.iterdir()) == ["data"]


def test_the_public_sample_has_the_known_totals(folder: Path) -> None:
    done = autoconnect("run", str(public_sample()), "--json", cwd=folder)
    document = json.loads(done.stdout, parse_float=Decimal)
    (summary,) = document["metrics"]["summary"]
    assert document["job"]["rows"] == {"read": 10_000, "accepted": 10_000, "rejected": 0}
    assert str(summary["revenue"]) == "269566472.27"
    assert [(row["city"], str(row["revenue"])) for row in document["metrics"]["city-comparison"]] == [
        ("Marseille", "93145122.32"),
        ("Paris", "89900347.13"),
        ("Lyon", "86521002.82"),
    ]


def test_a_run_whose_job_fails_ends_with_exit_code_1_and_one_sentence(folder: Path) -> None:
    (folder / "empty.csv").touch()
    as_json = autoconnect("run", "empty.csv", "--json", cwd=folder)
    document = json.loads(as_json.stdout)
    assert (as_json.returncode, document["metrics"]) == (1, {})
    assert "empty" in document["job"]["error"]
    as_text = autoconnect("run", "empty.csv", cwd=folder)
    assert as_text.returncode == 1
    assert as_text.stdout.splitlines()[-1] == document["job"]["error"]
    assert "Traceback" not in as_text.stderr


def run_json(source: str | bytes, cwd: Path, stdin: IO[bytes] | None = None) -> Any:
    """The object that `run --json` prints for a source."""
    command: list[str | bytes] = [sys.executable, "-m", "autoconnect.cli.main", "run", source, "--json"]
    done = subprocess.run(
        command, cwd=cwd, env=environment(), stdin=stdin, capture_output=True, timeout=240, check=False
    )
    assert done.stderr == b""
    return json.loads(done.stdout, parse_float=Decimal)


@pytest.mark.parametrize("name", [unicodedata.normalize("NFD", "Transactions é.csv").encode(), b"caf\xe9.csv"])
def test_a_run_takes_a_file_of_any_name(folder: Path, name: bytes) -> None:
    data = stack_source(200).encode()
    (folder / os.fsdecode(name)).write_bytes(data)
    typed = name if b"caf" in name else "Transactions é.csv"
    document = run_json(typed, cwd=folder)
    assert document["metrics"] == expected(data)
    assert document["job"]["source"] == name.decode(errors="backslashreplace")


def test_a_run_reads_standard_input_from_a_file_and_from_a_pipe(folder: Path) -> None:
    data = stack_source(200).encode()
    (folder / "any.csv").write_bytes(data)
    with (folder / "any.csv").open("rb") as file:
        redirected = run_json("-", cwd=folder, stdin=file)
    with subprocess.Popen(["cat", "any.csv"], cwd=folder, stdout=subprocess.PIPE) as pipe:
        piped = run_json("-", cwd=folder, stdin=pipe.stdout)
    for document in (redirected, piped):
        assert document["metrics"] == expected(data)
        assert document["job"]["source"] == "stdin.csv"
    assert sorted(path.name for path in folder.iterdir()) == ["any.csv", "data"]


def test_a_run_that_is_killed_while_it_reads_standard_input_leaves_no_file_after_the_next_start(folder: Path) -> None:
    extra = {"TMPDIR": str(folder)}
    command = [sys.executable, "-m", "autoconnect.cli.main", "run", "-"]
    with subprocess.Popen(command, cwd=folder, env=environment(extra), stdin=subprocess.PIPE) as process:
        assert process.stdin
        process.stdin.write(b"x" * (2 << 20))
        wait_until("the copy", lambda: any(path.stat().st_size for path in folder.glob("autoconnect-*/stdin.csv")))
        process.kill()
        process.wait()
    assert list(folder.glob("autoconnect-*/stdin.csv"))
    (folder / "empty.csv").touch()
    autoconnect("run", "empty.csv", cwd=folder, extra=extra)
    assert sorted(path.name for path in folder.iterdir()) == ["data", "empty.csv"]


def test_tables_fit_a_terminal_of_80_columns(folder: Path) -> None:
    (folder / "any.csv").write_text("".join(generate(2_000, seed=9, bad_ratio=0.05)))
    narrow = on_terminal("run", "any.csv", cwd=folder)
    assert max(map(len, narrow)) <= 80
    assert "--wide also shows average sale, average rental, best month." in narrow
    wide = on_terminal("run", "any.csv", "--wide", cwd=folder)
    assert not any(line.startswith("--wide") for line in wide)
    assert any("average sale" in line for line in wide)


def on_terminal(*arguments: str, cwd: Path) -> list[str]:
    """The lines of a command's output on a terminal of 80 columns."""
    parent, child = os.openpty()
    termios.tcsetwinsize(child, (24, 80))
    command = [sys.executable, "-m", "autoconnect.cli.main", *arguments]
    variables = {**environment({"TERM": "xterm", "NO_COLOR": "1"})}
    variables = {name: value for name, value in variables.items() if name not in ("COLUMNS", "LINES")}
    output = b""
    with subprocess.Popen(command, cwd=cwd, env=variables, stdout=child, stderr=subprocess.DEVNULL) as process:
        os.close(child)
        with suppress(OSError):  # the end of a terminal is an error
            while piece := os.read(parent, 1 << 16):
                output += piece
        os.close(parent)
    assert process.returncode == 0
    return re.sub(r"\x1b\[[0-9;]*m", "", output.decode()).replace("\r\n", "\n").split("\n")


@pytest.mark.parametrize("given", ["june.csv", "cars/june.csv", "{folder}/cars/june.csv"])
def test_up_takes_the_path_of_a_file_in_its_data_folder_as_its_source(folder: Path, given: str) -> None:
    (folder / "cars").mkdir()
    (folder / "cars" / "june.csv").write_text(stack_source(100))
    variables = {"AUTOCONNECT_DATA_DIR": "cars", "AUTOCONNECT_SOURCE": given.format(folder=folder)}
    with running(folder, variables) as up:
        job = up.ended(wait_until("the first job", up.latest)["id"])
    assert (job["source"], job["status"]) == ("june.csv", "completed")


@pytest.mark.parametrize(
    ("arguments", "extra", "message"),
    [
        (["run", "--colour"], {}, "No such option: --colour"),
        (["up"], {"AUTOCONNECT_SOURCE": "/etc/passwd"}, "The source '/etc/passwd' is outside the data folder 'data'"),
        (["run", "-", "--export", "/dev/null"], {}, "'/dev/null' cannot be written into: Not a directory"),
        (["run", "--format", "doc", "--export", "out"], {}, "'doc' is not one of 'csv', 'xlsx', 'parquet'"),
        (["run", "--format", "xlsx"], {}, "it is the format of --export; give the folder, too"),
        (["fly"], {}, "No such command 'fly'"),
        (["run", "--workers", "0"], {}, "--workers"),
        (["run"], {"AUTOCONNECT_LEASE_MS": "soon"}, "AUTOCONNECT_LEASE_MS is 'soon'"),
        (["run"], {"AUTOCONNECT_LEASE_MS": "1000"}, "at least three times AUTOCONNECT_HEARTBEAT_MS"),
        (["up"], {"AUTOCONNECT_PORT": "70000"}, "AUTOCONNECT_PORT is '70000'"),
        (["run"], {"AUTOCONNECT_REDIS_URL": "redis://h:notaport/0"}, "AUTOCONNECT_REDIS_URL"),
        (["run"], {"AUTOCONNECT_REDIS_URL_FILE": "/nowhere"}, "AUTOCONNECT_REDIS_URL_FILE is '/nowhere'"),
        (["up"], {"AUTOCONNECT_SOURCE": "x" * 256}, "xx: the name has 256 bytes; expected at most 255."),
    ],
)
def test_wrong_usage_ends_with_exit_code_2_and_says_what_was_expected(
    folder: Path, arguments: list[str], extra: dict[str, str], message: str
) -> None:
    done = autoconnect(*arguments, cwd=folder, extra=extra)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_redis_in_the_settings_that_does_not_answer_is_an_error(folder: Path) -> None:
    (folder / "data" / SOURCE).write_text("".join(generate(1)))
    done = autoconnect("run", cwd=folder, extra={"AUTOCONNECT_REDIS_URL": "redis://:secret@127.0.0.1:1/0"})
    assert done.returncode == 1
    assert done.stderr.startswith("autoconnect: Redis does not answer:")
    assert "secret" not in done.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -9)])
def test_however_a_run_ends_it_leaves_no_process(folder: Path, number: signal.Signals, code: int) -> None:
    (folder / "data" / SOURCE).write_text("".join(generate(200_000, seed=9)))
    process = start("run", cwd=folder, extra=DEFAULT_WORKERS)
    below = wait_until("all processes", lambda: pids if len(pids := descendants(process.pid)) == 6 else None)
    process.send_signal(number)
    assert process.wait(30) == code
    wait_until("their end", lambda: not any(lives(pid) for pid in below))
    assert "Traceback" not in (folder / "messages.txt").read_text()


def test_an_interrupt_reaches_a_run_that_a_shell_started_with_interrupts_ignored(folder: Path) -> None:
    (folder / "data" / SOURCE).write_text("".join(generate(200_000, seed=9)))
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process = start("run", cwd=folder, extra=DEFAULT_WORKERS)
    finally:
        signal.signal(signal.SIGINT, previous)
    wait_until("all processes", lambda: len(descendants(process.pid)) == 6)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130


def test_a_service_that_dies_is_restarted_and_given_up_after_five_quick_deaths(folder: Path) -> None:
    (folder / "data" / SOURCE).write_text("".join(generate(10, seed=9)))
    process = start("run", cwd=folder, extra={"AUTOCONNECT_BATCH_BYTES": "100"})
    killed: set[int] = set()

    def kill_orchestrator() -> bool:
        for pid, line in descendants(process.pid).items():
            if line.endswith("orchestrator.main") and pid not in killed:
                os.kill(pid, signal.SIGKILL)
                killed.add(pid)
        return process.poll() is not None

    wait_until("its end", kill_orchestrator)
    messages = (folder / "messages.txt").read_text()
    assert process.returncode == 1, messages
    assert "The orchestrator ended 5 times in a row within seconds of its start" in messages.splitlines()[-1]
    assert len(killed) == 5


def test_generate_gives_the_same_file_for_the_same_seed_and_bad_rows_on_request(folder: Path) -> None:
    for name, seed in (("a.csv", "7"), ("b.csv", "7"), ("c.csv", "8")):
        assert autoconnect("generate", "--rows", "1000", "--out", name, "--seed", seed, cwd=folder).returncode == 0
    first, second, third = ((folder / name).read_bytes() for name in ("a.csv", "b.csv", "c.csv"))
    assert first == second != third
    rows, rejects = oracle.read_rows(first)
    assert (len(rows), len(rejects)) == (1_000, 0)
    assert len({row.city for row in rows}) == 5
    assert len({row.model for row in rows}) >= 6
    assert {row.months for row in rows if row.months} <= set(range(1, 49))
    autoconnect("generate", "--rows", "1000", "--out", "bad.csv", "--bad-ratio", "0.2", cwd=folder)
    assert 100 < len(oracle.read_rows((folder / "bad.csv").read_bytes())[1]) < 300


def test_generate_writes_the_bytes_of_a_dialect(folder: Path) -> None:
    for dialect, first in (("fr-excel", "N° transaction;".encode("cp1252")), ("de", b"\xef\xbb\xbftransaction_id;")):
        done = autoconnect("generate", "--rows", "5", "--out", "x.csv", "--dialect", dialect, cwd=folder)
        assert (done.returncode, done.stderr) == (0, "")
        data = (folder / "x.csv").read_bytes()
        assert data.startswith(first)
        assert data.count(b"\r\n") == data.count(b"\n") == 6


def test_jobs_and_metric_talk_to_a_running_api(up: Up, folder: Path) -> None:
    extra = {"AUTOCONNECT_URL": up.url}
    submitted = autoconnect("jobs", "submit", SOURCE, "--watch", "--json", cwd=folder, extra=extra)
    assert submitted.returncode == 0, submitted.stderr
    job = json.loads(submitted.stdout)["job"]
    assert job["status"] == "completed"
    listed = json.loads(autoconnect("jobs", "list", "--limit", "1", "--json", cwd=folder, extra=extra).stdout)
    assert [item["id"] for item in listed["items"]] == [job["id"]]
    shown = autoconnect("jobs", "show", job["id"], cwd=folder, extra=extra)
    assert f"Job {job['id']} of {SOURCE} completed" in shown.stdout
    metric = autoconnect("metric", "top-models", "--city", "paris", "--n", "1", "--json", cwd=folder, extra=extra)
    answer = up.get("/metrics/top-models", params={"city": "paris", "n": "1"})
    assert json.loads(metric.stdout)["rows"] == answer["rows"]
    compared = autoconnect("metric", "summary", "--compare", "year", cwd=folder, extra=extra)
    assert "revenue before" in compared.stdout
    wrong = autoconnect("metric", "trend", "--compare", "year", cwd=folder, extra=extra)
    assert wrong.stderr == "autoconnect: trend has no parameter compare.\n"
    assert autoconnect("jobs", "cancel", job["id"], cwd=folder, extra=extra).returncode == 1
    failed = autoconnect("jobs", "submit", "nowhere.csv", "--watch", cwd=folder, extra=extra)
    assert failed.returncode == 1
    assert "There is no source 'nowhere.csv'" in failed.stdout


def test_jobs_are_retried_published_and_deleted_by_commands(up: Up, folder: Path) -> None:
    def jobs(*arguments: str) -> subprocess.CompletedProcess[str]:
        return autoconnect("jobs", *arguments, cwd=folder, extra={"AUTOCONNECT_URL": up.url})

    failed = up.submit("later.csv")
    assert up.ended(failed)["status"] == "failed"
    retried = jobs("retry", failed, "--json")
    assert json.loads(retried.stdout)["job"]["id"] == failed, retried.stderr
    assert up.ended(failed)["status"] == "failed"
    assert jobs("delete", failed).stdout == f"Job {failed} and its result are removed.\n"
    assert jobs("show", failed).returncode == 1
    published = jobs("publish", up.first_job)
    assert f"Job {up.first_job} of {SOURCE} completed" in published.stdout
    assert up.get("/metrics/summary")["job_id"] == up.first_job
    for command, reason in (("delete", "has the published result"), ("retry", "Only a failed job can be retried")):
        refused = jobs(command, up.first_job)
        assert (refused.returncode, reason in refused.stderr) == (1, True)
    long = jobs("submit", "x" * 256)
    assert (long.returncode, "expected at most 255" in long.stderr) == (1, True)


def test_a_run_of_a_file_whose_name_is_too_long_starts_nothing(folder: Path) -> None:
    done = autoconnect("run", "x" * 256, "--json", cwd=folder)
    assert done.returncode == 1
    error = f"The source '{'x' * 200}' cannot be read: the name has 256 bytes; expected at most 255."
    assert json.loads(done.stdout) == {"error": error}


def test_a_job_without_a_source_is_of_the_commands_own_variable_or_of_the_apis_source(up: Up, folder: Path) -> None:
    reached = {"AUTOCONNECT_URL": up.url, "AUTOCONNECT_DATA_DIR": "/nowhere"}
    for variable, source in (({}, SOURCE), ({"AUTOCONNECT_SOURCE": "june.csv"}, "june.csv")):
        done = autoconnect("jobs", "submit", "--json", cwd=folder, extra={**reached, **variable})
        assert json.loads(done.stdout)["job"]["source"] == source, done.stderr
        up.ended(json.loads(done.stdout)["job"]["id"])


@pytest.mark.parametrize(
    ("file", "variable", "submitted"),
    [(SOURCE, "", SOURCE), ("june.csv", "june.csv", "june.csv"), ("june.csv", "", None)],
)
def test_a_job_without_a_source_is_of_the_file_that_up_submits_from_its_data_folder(
    folder: Path, file: str, variable: str, submitted: str | None
) -> None:
    (folder / "cars").mkdir()
    (folder / "cars" / file).write_text(stack_source(100))
    with running(folder, {"AUTOCONNECT_DATA_DIR": "cars", "AUTOCONNECT_SOURCE": variable}) as up:
        if submitted:
            first = wait_until("the first job", up.latest)
            assert up.ended(first["id"])["source"] == submitted
        done = autoconnect("jobs", "submit", "--watch", "--json", cwd=folder, extra={"AUTOCONNECT_URL": up.url})
        job = json.loads(done.stdout)["job"]
    assert (job["source"], job["status"]) == (submitted or SOURCE, "completed" if submitted else "failed")


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_up_says_once_that_its_data_folder_does_not_exist_and_serves_uploads(folder: Path, log_format: str) -> None:
    extra = {"AUTOCONNECT_DATA_DIR": "dat", "AUTOCONNECT_LOG_FORMAT": log_format}
    with running(folder, extra) as up:
        up.client.put("/api/v1/sources/uploaded.csv", content=stack_source(100)).raise_for_status()
        assert up.ended(up.submit("uploaded.csv"))["status"] == "completed"
    lines = (folder / "messages.txt").read_text().splitlines()
    (line,) = (line for line in lines if str(folder / "dat") in line)
    assert "the data folder does not exist" in line
    assert "create it, or set AUTOCONNECT_DATA_DIR" in line


def test_a_file_that_cannot_be_written_is_an_error_of_one_sentence(folder: Path) -> None:
    done = autoconnect("generate", "--rows", "1", "--out", "nowhere/x.csv", cwd=folder)
    assert (done.returncode, done.stderr) == (1, "autoconnect: nowhere/x.csv: No such file or directory\n")


def test_an_api_that_does_not_answer_is_an_error(folder: Path) -> None:
    done = autoconnect("jobs", "list", cwd=folder, extra={"AUTOCONNECT_URL": "http://127.0.0.1:1"})
    assert done.returncode == 1
    assert done.stderr.startswith("autoconnect: The API at http://127.0.0.1:1 does not answer")


def test_a_second_stack_in_the_same_folder_and_a_port_in_use_are_refused(up: Up, folder: Path) -> None:
    port = up.url.rpartition(":")[2]
    same_port = autoconnect("up", "--port", port, cwd=folder)
    assert same_port.returncode == 1
    assert f"Cannot listen on 127.0.0.1:{port}: " in same_port.stderr
    same_folder = autoconnect("up", "--port", str(free_port()), cwd=up.folder)
    assert same_folder.returncode == 1
    assert "already running" in same_folder.stderr
